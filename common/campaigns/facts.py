"""What a mail may say: the values a body is filled with, from an assessment or from a meeting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from email.utils import parseaddr

from common.campaigns import wording
from common.campaigns.body import Absent
from common.campaigns.errors import CampaignError
from common.campaigns.hours import local_time
from common.campaigns.markdown import component
from common.campaigns.systems import System, SystemBook
from common.domain.contact import Assessment

_SYSTEM = frozenset(field.name for field in fields(System))
_NONE: frozenset[str] = frozenset()

SCOREBOARD = "scoreboard"


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
        return self.reply_to or parseaddr(self.sender)[1]


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


EMAIL_VARIABLES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "first_name",
            "business_name",
            "score",
            "gps_score",
            "money_score",
            "red",
            "orange",
            "yellow",
            "green",
            "rated",
            "revenue_leak",
            "scoreboard",
            "booking_url",
            "sender_name",
        ),
        _NONE,
    ),
    **dict.fromkeys(("weakest", "second", "strongest"), _SYSTEM),
}
REMINDER_VARIABLES: Mapping[str, frozenset[str]] = dict.fromkeys(
    ("first_name", "time", "title", "join_url", "organizer", "booking_url", "sender_name"), _NONE
)


def email_values(person: Assessment, book: SystemBook, identity: Identity) -> dict[str, object]:
    """The values of `EMAIL_VARIABLES` for one person; what was not told is `Absent`."""
    weak = _distinct(book, person.weakest_system_1, person.weakest_system_2)
    strongest = book.named(person.strongest_system)
    rated = person.red_systems + person.orange_systems + person.yellow_systems + person.green_systems
    told: dict[str, object] = {
        "first_name": wording.clean(person.first_name),
        "business_name": wording.clean(person.business_name or ""),
        "gps_score": person.gps_score,
        "money_score": person.money_score,
        # Less than a dollar would be printed as $0.
        "revenue_leak": person.revenue_leak_total if (person.revenue_leak_total or 0) >= 1 else None,
        "scoreboard": component(SCOREBOARD) if rated else None,
        "weakest": weak[0] if weak else None,
        "second": weak[1] if len(weak) > 1 else None,
        "strongest": strongest if strongest not in weak else None,
        "booking_url": _web_address("BOOKING_URL", identity.booking_url),
        "sender_name": identity.sender_name,
    }
    counts = {
        "score": person.assessment_score,
        "red": person.red_systems,
        "orange": person.orange_systems,
        "yellow": person.yellow_systems,
        "green": person.green_systems,
        "rated": rated,
    }
    return {name: _or_absent(name, value) for name, value in told.items()} | counts


def reminder_values(meeting: Meeting, identity: Identity) -> dict[str, object]:
    """The values of `REMINDER_VARIABLES` for one meeting."""
    join_url = meeting.join_url or ""
    told: dict[str, object] = {
        "first_name": wording.clean(meeting.first_name or ""),
        "time": local_time(meeting.start, meeting.timezone),
        "title": wording.clean(meeting.title or ""),
        "join_url": join_url if _is_web_address(join_url) else None,
        "organizer": wording.clean(meeting.organizer or ""),
        "booking_url": _web_address("BOOKING_URL", identity.booking_url),
        "sender_name": identity.sender_name,
    }
    return {name: _or_absent(name, value) for name, value in told.items()}


def _distinct(book: SystemBook, *names: str | None) -> list[System]:
    systems = (book.named(name) for name in names)
    return list(dict.fromkeys(system for system in systems if system is not None))


def _or_absent(name: str, value: object) -> object:
    return Absent(name) if value is None or value == "" else value


def _web_address(setting: str, value: str) -> str:
    if not _is_web_address(value):
        raise CampaignError(f"{setting}: not a web address; write it as https://…")
    return value


def _is_web_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and value.isprintable() and " " not in value
