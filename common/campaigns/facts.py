"""Who writes, and what a reminder may say of a meeting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import lru_cache

from common.campaigns import wording
from common.campaigns.calendar import CalendarEntry, google_url, outlook_url
from common.campaigns.errors import CampaignError
from common.campaigns.language import Language
from common.campaigns.templates import Absent, Choice
from common.normalization.place import PLACES
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
    `locale`: the attendee's, by which they read an hour.

    `join_url`: where the call takes place, only shown when it is a web address. `place`: without
    one, who calls whom, or that it is in person, see `normalization/place.py`. `end`: aware; None: unknown.
    `calendar_url`: of the file for calendars. `reschedule_url`, `cancel_url`: where the guest changes the booking.
    """

    first_name: str | None
    start: datetime
    timezone: str | None
    locale: str | None = None
    title: str | None = None
    join_url: str | None = None
    place: str | None = None
    organizer: str | None = None
    end: datetime | None = None
    calendar_url: str | None = None
    reschedule_url: str | None = None
    cancel_url: str | None = None


_USUAL_LENGTH = timedelta(hours=1)
REMINDER_VARIABLES: Mapping[str, frozenset[str]] = dict.fromkeys(
    (
        "first_name", "time", "day", "hour", "title", "join_url", "place", "organizer", "booking_url", "sender_name",
        "calendar_url", "google_calendar_url", "outlook_calendar_url", "reschedule_url", "cancel_url",
    ),
    frozenset(),
)  # fmt: skip


def reminder_values(meeting: Meeting, identity: Identity, language: Language) -> dict[str, object]:
    """The values of `REMINDER_VARIABLES` for one meeting; free text that must not be shown is absent."""
    title = wording.clean(if_usable(meeting.title) or "")
    reported: dict[str, object] = {
        "first_name": wording.clean(name_if_usable(meeting.first_name) or ""),
        "time": language.time(meeting.start, meeting.timezone, meeting.locale),
        "day": language.day(meeting.start, meeting.timezone),
        "hour": language.hour(meeting.start, meeting.timezone, meeting.locale),
        "title": title,
        "join_url": _if_web_address(meeting.join_url),
        "place": Choice(meeting.place) if meeting.place in PLACES else None,
        "organizer": wording.clean(if_usable(meeting.organizer) or ""),
        "booking_url": web_address("BOOKING_URL", identity.booking_url),
        "sender_name": identity.sender_name,
        **_calendar_values(meeting, title or call_summary(identity, language)),
        "reschedule_url": _if_web_address(meeting.reschedule_url),
        "cancel_url": _if_web_address(meeting.cancel_url),
    }
    return {name: or_absent(name, value) for name, value in reported.items()}


def call_summary(identity: Identity, language: Language) -> str:
    """What a call is called in a calendar, where its own title must not be shown."""
    return language.strings.calendar.summary.format(sender=identity.sender_name)


def call_entry(
    meeting: Meeting, identity: Identity, language: Language, *, uid: str, sequence: int, is_tentative: bool
) -> CalendarEntry:
    """The call as a calendar keeps it, with what a reminder says of it."""
    return CalendarEntry(
        uid=uid,
        sequence=sequence,
        start=meeting.start,
        end=end_of(meeting),
        summary=wording.clean(if_usable(meeting.title) or "") or call_summary(identity, language),
        join_url=_if_web_address(meeting.join_url),
        organizer=(
            wording.clean(if_usable(meeting.organizer) or "") or identity.sender_name,
            identity.contact_address,
        ),
        is_tentative=is_tentative,
    )


def end_of(meeting: Meeting) -> datetime:
    """A meeting whose end is unknown lasts an hour."""
    return meeting.end or meeting.start + _USUAL_LENGTH


def _calendar_values(meeting: Meeting, summary: str) -> dict[str, object]:
    end, location = end_of(meeting), _if_web_address(meeting.join_url)
    return {
        "calendar_url": _if_web_address(meeting.calendar_url),
        "google_calendar_url": google_url(summary=summary, start=meeting.start, end=end, location=location),
        "outlook_calendar_url": outlook_url(summary=summary, start=meeting.start, end=end, location=location),
    }


def or_absent(name: str, value: object) -> object:
    """`value`, or that no value was given for the variable `name`."""
    return Absent(name) if value is None or value == "" else value


def web_address(setting: str, value: str) -> str:
    """`value`. Raises CampaignError naming the setting when it is no web address."""
    if not _is_web_address(value):
        raise CampaignError(f"{setting}: not a web address; write it as https://…")
    return value


def _if_web_address(value: str | None) -> str | None:
    return value if value is not None and _is_web_address(value) else None


def _is_web_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and value.isprintable() and " " not in value
