"""
How a call takes place, from the many forms in which Cal.com names its location.

A location is a text (a web address, `integrations:daily`, a telephone number, a street) or an object. The answer to the
booking form names its kind as `{"value": "phone", "optionValue": "+1 416 555 0100"}`, Cal.com's list as `{"type": …}`.
The texts themselves are not shown, because anybody may have written them.
"""

from __future__ import annotations

import re
from typing import Any, Final

HOST_CALLS: Final = "host_calls"
GUEST_CALLS: Final = "guest_calls"
IN_PERSON: Final = "in_person"
PLACES: Final = (HOST_CALLS, GUEST_CALLS, IN_PERSON)

_KINDS: Final = {
    "phone": HOST_CALLS,
    "attendeephone": HOST_CALLS,
    "userphone": GUEST_CALLS,
    "organizerphone": GUEST_CALLS,
    "inperson": IN_PERSON,
    "address": IN_PERSON,
    "attendeeinperson": IN_PERSON,
    "attendeeaddress": IN_PERSON,
}
_NAMES: Final = ("type", "value", "optionValue")
_ADDRESSES: Final = ("link", "url", "optionValue", "value")
_NUMBER: Final = re.compile(r"\+?[\d ().-]{6,30}", re.ASCII)
_DEPTH_MAX: Final = 3


def read_place(answer: Any, location: Any, *, guest_number: Any = None) -> str | None:
    """
    Return one of PLACES, or None: by a link, elsewhere, or unknown.

    `answer`: the answer to the booking form. `guest_number`: the telephone number that the guest gave; if the location
    is only this number, the host calls.
    """
    return _kind(answer) or _kind(location) or _of_number(location, guest_number)


def addresses_in(location: Any) -> list[Any]:
    """Return the values in a location, whatever its form, that may be a web address."""
    return [location.get(name) for name in _ADDRESSES] if isinstance(location, dict) else [location]


def _kind(value: Any, depth: int = 0) -> str | None:
    if isinstance(value, dict) and depth < _DEPTH_MAX:
        return next((kind for name in _NAMES if (kind := _kind(value.get(name), depth + 1)) is not None), None)
    return _KINDS.get(value.strip().lower()) if isinstance(value, str) else None


def _of_number(location: Any, guest_number: Any) -> str | None:
    """Return HOST_CALLS for the guest's number. Another number may be the host's, or anybody's: it proves nothing."""
    given = _digits(location)
    return HOST_CALLS if given and given == _digits(guest_number) else None


def _digits(value: Any) -> str:
    is_number = isinstance(value, str) and _NUMBER.fullmatch(value.strip())
    return re.sub(r"\D", "", value) if is_number else ""
