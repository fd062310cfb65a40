"""A guest's calendar: the right time, one entry per call, and no text that is read as anything but text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject

from common.campaigns.calendar import CalendarEntry, google_url, outlook_url

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
START = datetime(2026, 10, 30, 14, tzinfo=UTC)
ENTRY = CalendarEntry(
    uid="uidAAA@Cal.com",
    sequence=0,
    start=START,
    end=START + timedelta(minutes=30),
    summary="Diagnostic call",
    join_url="https://app.cal.com/video/uidAAA",
    organizer=("Sarah Host", "sarah@businessx.example"),
)
PROPERTIES = {
    "UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "STATUS", "ORGANIZER", "LOCATION", "URL",
}  # fmt: skip
HOSTILE = [
    "Call\r\nATTENDEE:mailto:eve@evil.example",
    "Call\nEND:VEVENT\nBEGIN:VEVENT\nUID:other",
    "Call\rX-EVIL:1",
    "Call\u2028DTSTART:20990101T000000Z",
    "Call\x85DTSTART:20990101T000000Z\x00\x0b\x0c",
    "Call;VALUE=DATE:20990101,\\n\\NATTACH:https://evil.example",
    'Call":mailto:eve@evil.example;X="',
    "Call " + "é" * 300,
]


def by_icalendar(file: bytes) -> dict[str, Any]:
    [event] = icalendar.Calendar.from_ical(file).walk("VEVENT")
    return {
        "uid": str(event["UID"]),
        "sequence": int(event["SEQUENCE"]),
        "start": event["DTSTART"].dt,
        "end": event["DTEND"].dt,
        "summary": str(event["SUMMARY"]),
        "organizer": (event["ORGANIZER"].params["CN"], str(event["ORGANIZER"])),
    }


def by_vobject(file: bytes) -> dict[str, Any]:
    [event] = vobject.readOne(file.decode()).vevent_list
    return {
        "uid": event.uid.value,
        "sequence": int(event.sequence.value),
        "start": event.dtstart.value,
        "end": event.dtend.value,
        "summary": event.summary.value,
        "organizer": (event.organizer.params["CN"][0], event.organizer.value),
    }


READERS = [by_icalendar, by_vobject]


@pytest.mark.parametrize("read", READERS)
def test_a_calendar_reads_the_call(read: Any) -> None:
    assert read(ENTRY.to_ics(now=NOW)) == {
        "uid": "uidAAA@Cal.com",
        "sequence": 0,
        "start": START,
        "end": START + timedelta(minutes=30),
        "summary": "Diagnostic call",
        "organizer": ("Sarah Host", "mailto:sarah@businessx.example"),
    }


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("day", [datetime(2026, 10, 31, 9), datetime(2026, 11, 2, 9)])  # noqa: DTZ001 -- of a wall clock
def test_calendar_hour_is_right_on_both_sides_of_a_clock_change(read: Any, day: datetime) -> None:
    start = day.replace(tzinfo=ZoneInfo("America/Toronto"))

    found = read(replace(ENTRY, start=start, end=start + timedelta(minutes=30)).to_ics(now=NOW))

    assert day == found["start"].astimezone(ZoneInfo("America/Toronto")).replace(tzinfo=None)


def test_calendar_file_invites_nobody_and_has_an_alarm_15_minutes_before() -> None:
    calendar = icalendar.Calendar.from_ical(ENTRY.to_ics(now=NOW))
    [event], [alarm] = calendar.walk("VEVENT"), calendar.walk("VALARM")

    assert (calendar["METHOD"], calendar["VERSION"]) == ("PUBLISH", "2.0")
    assert "ATTENDEE" not in event
    assert alarm["TRIGGER"].dt == -timedelta(minutes=15)
    assert b"DTSTART:20261030T140000Z\r\n" in ENTRY.to_ics(now=NOW)


def test_a_call_that_awaits_confirmation_is_tentative() -> None:
    assert b"STATUS:TENTATIVE" in replace(ENTRY, is_tentative=True).to_ics(now=NOW)
    assert b"STATUS:CONFIRMED" in ENTRY.to_ics(now=NOW)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["summary", "uid", "organizer"])
def test_hostile_text_in_a_calendar_entry_stays_text(read: Any, field: str, text: str) -> None:
    value: Any = (text, "sarah@businessx.example") if field == "organizer" else text

    file = replace(ENTRY, **{field: value}).to_ics(now=NOW)

    found = read(file)
    assert (found["start"], found["sequence"]) == (START, 0)
    assert found["organizer"][1] == "mailto:sarah@businessx.example"
    [event] = icalendar.Calendar.from_ical(file).walk("VEVENT")
    assert {*event} == PROPERTIES
    lines = file.decode().replace("\r\n ", "").split("\r\n")
    assert [line for line in lines if line.startswith(("ATTENDEE", "ATTACH", "X-"))] == []
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_title_stays_one_parameter_of_a_calendar_link(text: str) -> None:
    call: Any = {"summary": text, "start": START, "end": START, "location": None}

    google, outlook = (urlsplit(page(**call)) for page in (google_url, outlook_url))

    assert (google.netloc, [text]) == ("calendar.google.com", parse_qs(google.query)["text"])
    assert (outlook.netloc, [text]) == ("outlook.live.com", parse_qs(outlook.query)["subject"])
    assert {"action", "text", "dates"} == {*parse_qs(google.query)}
