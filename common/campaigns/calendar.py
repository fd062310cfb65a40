"""
A call for the guest's calendar: an iCalendar file (RFC 5545), and the pages of Google and Outlook that add the call.

METHOD:PUBLISH needs no answer. Cal.com has already invited the guest, and a second invitation would make a second
entry. UID and SEQUENCE are Cal.com's own, so a calendar recognizes the entry that it has. As an attachment the file's
content type has no method: Gmail then offers to add the call, but would show an invitation as an ordinary file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from common.domain.mail import Attachment

if TYPE_CHECKING:
    import icalendar

ALARM: Final = timedelta(minutes=15)
_PRODUCT: Final = "-//Advent//Calls//EN"
_TIME: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEntry:
    """
    A call as a calendar entry.

    `start`, `end`: aware. `uid`, `sequence`: as in iCalendar. `summary`: one line. `join_url`: the call's link, None if
    unknown. `organizer`: name and address for replies. `is_tentative`: the call awaits confirmation.
    """

    uid: str
    sequence: int
    start: datetime
    end: datetime
    summary: str
    join_url: str | None
    organizer: tuple[str, str]
    is_tentative: bool = False

    def to_ics(self, *, now: datetime) -> bytes:
        """Return the file, written at `now`. icalendar escapes all values, so none of them can become a property."""
        import icalendar  # here and below: it takes 4 MB, and few processes write such a file

        calendar = icalendar.Calendar()
        calendar.add("prodid", _PRODUCT)
        calendar.add("version", "2.0")
        calendar.add("method", "PUBLISH")
        calendar.add_component(self._event(now))
        return bytes(calendar.to_ical())

    def attachment(self, *, now: datetime) -> Attachment:
        """Return the file as an attachment of a mail."""
        content = self.to_ics(now=now).decode()
        return Attachment(filename="call.ics", content_type="text/calendar; charset=utf-8", content=content)

    def _event(self, now: datetime) -> icalendar.Event:
        import icalendar

        event = icalendar.Event()
        event.add("uid", _one_line(self.uid))
        event.add("sequence", self.sequence)
        event.add("dtstamp", now.astimezone(UTC))
        event.add("dtstart", self.start.astimezone(UTC))
        event.add("dtend", self.end.astimezone(UTC))
        event.add("summary", _one_line(self.summary))
        event.add("status", "TENTATIVE" if self.is_tentative else "CONFIRMED")
        event.add("organizer", self._organizer())
        if self.join_url:
            event.add("location", self.join_url)
            event.add("url", icalendar.vUri(self.join_url))
        event.add_component(self._alarm())
        return event

    def _organizer(self) -> icalendar.vCalAddress:
        import icalendar

        name, address = self.organizer
        organizer = icalendar.vCalAddress(f"mailto:{quote(_one_line(address), safe='@+')}")
        organizer.params["cn"] = icalendar.vText(_one_line(name).replace('"', "'"))
        return organizer

    def _alarm(self) -> icalendar.Alarm:
        import icalendar

        alarm = icalendar.Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", _one_line(self.summary))
        alarm.add("trigger", -ALARM)
        return alarm


def google_url(*, summary: str, start: datetime, end: datetime, location: str | None) -> str:
    """Return the address of the page on which Google Calendar offers to add the call."""
    dates = "/".join(instant.astimezone(UTC).strftime(_TIME) for instant in (start, end))
    return _page(
        "https://calendar.google.com/calendar/render",
        {"action": "TEMPLATE", "text": summary, "dates": dates, "location": location or ""},
    )


def outlook_url(*, summary: str, start: datetime, end: datetime, location: str | None) -> str:
    """Return the address of the page on which Outlook offers to add the call."""
    startdt, enddt = (instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for instant in (start, end))
    return _page(
        "https://outlook.live.com/calendar/0/deeplink/compose",
        {
            "path": "/calendar/action/compose",
            "rru": "addevent",
            "subject": summary,
            "startdt": startdt,
            "enddt": enddt,
            "location": location or "",
        },
    )


def _page(address: str, query: dict[str, str]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode(given, quote_via=quote)}"


def _one_line(text: str) -> str:
    """Replace control characters, which some calendar programs read as line ends, and join the lines."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
