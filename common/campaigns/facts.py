"""Who writes, and what a reminder may say of a meeting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache

from common.campaigns import wording
from common.campaigns.errors import CampaignError
from common.campaigns.language import Language
from common.campaigns.templates import Absent
from common.normalization.text import if_usable, name_if_usable


@dataclass(frozen=True, slots=True)
class Identity:
    """
    Who writes, as the settings say; every mail shows it.

    `sender`: `Sarah at BusinessX <sarah@example.com>`. `sender_name` signs the mails. `postal_address`: one line.
    """

    sender_name: str
    sender: str
    reply_to: str | None
    postal_address: str
    booking_url: str

    @property
    def contact_address(self) -> str:
        """The address a person may write to."""
        return self.reply_to or parse_sender(self.sender)[1]


@lru_cache(maxsize=16)
def parse_sender(sender: str) -> tuple[str, str]:
    """Name and address, as `parseaddr` reads them; cached, because every mail needs them."""
    return parseaddr(sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """
    A booked call. `start` is aware; `timezone` is the attendee's, an IANA name; None: unknown, and the time is in UTC.

    `join_url`: where the call takes place, only shown when it is a web address.
    """

    first_name: str | None
    start: datetime
    timezone: str | None
    title: str | None = None
    join_url: str | None = None
    organizer: str | None = None


REMINDER_VARIABLES: Mapping[str, frozenset[str]] = dict.fromkeys(
    ("first_name", "time", "day", "hour", "title", "join_url", "organizer", "booking_url", "sender_name"), frozenset()
)


def reminder_values(meeting: Meeting, identity: Identity, language: Language) -> dict[str, object]:
    """The values of `REMINDER_VARIABLES` for one meeting; free text that must not be shown is absent."""
    join_url = meeting.join_url or ""
    reported: dict[str, object] = {
        "first_name": wording.clean(name_if_usable(meeting.first_name) or ""),
        "time": language.time(meeting.start, meeting.timezone),
        "day": language.day(meeting.start, meeting.timezone),
        "hour": language.hour(meeting.start, meeting.timezone),
        "title": wording.clean(if_usable(meeting.title) or ""),
        "join_url": join_url if _is_web_address(join_url) else None,
        "organizer": wording.clean(if_usable(meeting.organizer) or ""),
        "booking_url": web_address("BOOKING_URL", identity.booking_url),
        "sender_name": identity.sender_name,
    }
    return {name: or_absent(name, value) for name, value in reported.items()}


def or_absent(name: str, value: object) -> object:
    """`value`, or that no value was given for the variable `name`."""
    return Absent(name) if value is None or value == "" else value


def web_address(setting: str, value: str) -> str:
    """`value`. Raises CampaignError naming the setting when it is no web address."""
    if not _is_web_address(value):
        raise CampaignError(f"{setting}: not a web address; write it as https://…")
    return value


def _is_web_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and value.isprintable() and " " not in value
