"""Reads a row of the script that lists people: the person, and the text that a search examines."""

from __future__ import annotations

from collections.abc import Sequence
from sys import intern
from typing import Literal

from pydantic_core import from_json

from common.domain.ids import EnrollmentId, step_of
from common.domain.person_search import ListedPerson, folded, searched_text
from common.domain.series import BookingState
from common.ledger.booking_codec import read_calls
from common.ledger.codec import due_ms_of
from common.ledger.store import pairs

_BOOKED = (BookingState.BOOKED, BookingState.COMPLETED, BookingState.UNMARKED)


def read_listed(
    id: str,
    campaign: str,
    email: str,
    assessment: str,
    given_name: str | Literal[False],
    segment: str,
    status: str,
    exit_reason: str | Literal[False],
    language: str | Literal[False],
    anchor_ms: str,
    address_hash: str | Literal[False],
    contact: str | Literal[False],
    following: str | Literal[False],
    record: str | Literal[False],
    calls: Sequence[str],
) -> tuple[ListedPerson, str]:
    """Return the person and the searched text from a row of `listing.read`, where a missing field is False."""
    first_name, business_name = [*from_json(assessment), None, None][:2]
    first_name, business_name = (first_name if given_name is False else given_name) or "", business_name or ""
    person = ListedPerson(
        id=EnrollmentId(id),
        campaign=intern(campaign),
        email=email,
        first_name=intern(first_name),
        business_name=business_name,
        segment=intern(segment),
        status=intern(status),
        exit_reason=exit_reason or None,
        language=language or None,
        signed_up_ms=int(anchor_ms),
        next_step=step_of(following) if following else None,
        next_due_ms=due_ms_of(record) if record else None,
        address_hash=address_hash or "",
        calls_contact=contact or id,
        is_booked=bool(calls) and any(call.state in _BOOKED for call in read_calls(pairs(calls)).values()),
        sorted_name=f"{folded(first_name)} {email}",
    )
    return person, searched_text(first_name, business_name, email, id)
