"""The facts that mails show: the sender, and for reminders and follow-ups the meeting."""

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
    The sender as the settings describe them; every mail shows it.

    `sender`: such as `Sarah at BusinessX <sarah@example.com>`. `sender_name`: the signature of the mails.
    `postal_address`: one line.
    """

    sender_name: str
    sender: str
    reply_to: str | None
    postal_address: str
    booking_url: str

    @property
    def contact_address(self) -> str:
        """The address to which contacts may write."""
        return self.reply_to or parse_sender(self.sender)[1]


@lru_cache(maxsize=16)
def parse_sender(sender: str) -> tuple[str, str]:
    """Return name and address, as `parseaddr` reads them. Cached, because every mail needs them."""
    return parseaddr(sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """
    A booked call. None: unknown.

    `start`, `end`: aware. `timezone`: the guest's, an IANA name; without it, times are shown in UTC. `locale`: the
    guest's; it decides the format of hours. `join_url`: the call's link, shown only if it is a web address. `place`:
    without a link, who calls whom, or that the call is in person, see `normalization/place.py`. `calendar_url`: the
    address of the calendar file. `reschedule_url`, `cancel_url`: the pages on which the guest changes the booking.
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
    """Return the values of `REMINDER_VARIABLES` for one meeting; free text that must not be shown is `Absent`."""
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
    """Return the call's title in a calendar, for calls whose own title must not be shown."""
    return language.strings.calendar.summary.format(sender=identity.sender_name)


def call_entry(
    meeting: Meeting, identity: Identity, language: Language, *, uid: str, sequence: int, is_tentative: bool
) -> CalendarEntry:
    """Return the call as a calendar entry, with the same facts as in a reminder."""
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
    """Return the end of a meeting. One whose end is unknown counts as one hour long."""
    return meeting.end or meeting.start + _USUAL_LENGTH


def _calendar_values(meeting: Meeting, summary: str) -> dict[str, object]:
    end, location = end_of(meeting), _if_web_address(meeting.join_url)
    return {
        "calendar_url": _if_web_address(meeting.calendar_url),
        "google_calendar_url": google_url(summary=summary, start=meeting.start, end=end, location=location),
        "outlook_calendar_url": outlook_url(summary=summary, start=meeting.start, end=end, location=location),
    }


def or_absent(name: str, value: object) -> object:
    """Return `value`, or `Absent` when there is no value for the variable `name`."""
    return Absent(name) if value is None or value == "" else value


def web_address(setting: str, value: str) -> str:
    """Return `value`. Raises CampaignError naming the setting if it is not a web address."""
    if not _is_web_address(value):
        raise CampaignError(f"{setting}: not a web address; write it as https://…")
    return value


def _if_web_address(value: str | None) -> str | None:
    return value if value is not None and _is_web_address(value) else None


def _is_web_address(value: str) -> bool:
    return value.startswith(("https://", "http://")) and value.isprintable() and " " not in value
