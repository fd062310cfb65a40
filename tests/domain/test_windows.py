"""When mail may be sent on the contact's clock: openings over clock changes and holidays."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from common.campaigns.compiled import SendingWindow
from common.campaigns.windows import holidays_of, window_of
from common.domain.windows import Window, zone_named

TORONTO, VANCOUVER, BERLIN, KOLKATA = "America/Toronto", "America/Vancouver", "Europe/Berlin", "Asia/Kolkata"
WEEKDAYS = (0, 1, 2, 3, 4)


def office_hours(holidays: str | None = None) -> Window:
    declared = SendingWindow(opens_minute=8 * 60, closes_minute=19 * 60, weekdays=WEEKDAYS, holidays=holidays)
    return window_of(declared)


def ms(local: str, zone: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M")


# Time zone, holidays, local time at which a mail is due, UTC time at which it is sent.
CALENDAR = [
    # An ordinary Thursday: within, before opening, at closing time, in the last minute; and on the eve of a weekend.
    (TORONTO, "CA-ON", "2025-11-20T09:30", "2025-11-20T14:30"),
    (TORONTO, "CA-ON", "2025-11-20T05:00", "2025-11-20T13:00"),
    (TORONTO, "CA-ON", "2025-11-20T19:00", "2025-11-21T13:00"),
    (TORONTO, "CA-ON", "2025-11-20T18:59", "2025-11-20T23:59"),
    (TORONTO, "CA-ON", "2025-11-21T22:00", "2025-11-24T13:00"),
    # Christmas is a Thursday; Boxing Day is a holiday in Ontario, but not in British Columbia or Quebec.
    (TORONTO, "CA-ON", "2025-12-24T20:00", "2025-12-29T13:00"),
    (TORONTO, "CA-QC", "2025-12-24T20:00", "2025-12-26T13:00"),
    (TORONTO, None, "2025-12-25T09:00", "2025-12-25T14:00"),
    (VANCOUVER, "CA-BC", "2025-12-25T09:00", "2025-12-26T16:00"),
    (BERLIN, "DE", "2025-12-24T20:00", "2025-12-29T07:00"),
    (KOLKATA, "IN", "2025-12-25T09:00", "2025-12-26T02:30"),
    # Spring forward: the window of the Monday after opens an hour earlier in UTC.
    (TORONTO, "CA-ON", "2026-03-06T20:00", "2026-03-09T12:00"),
    (VANCOUVER, "CA-BC", "2026-03-06T20:00", "2026-03-09T15:00"),
    (BERLIN, "DE", "2026-03-27T20:00", "2026-03-30T06:00"),
    (KOLKATA, "IN", "2026-03-27T20:00", "2026-03-30T02:30"),
    # Fall back: an hour later.
    (TORONTO, "CA-ON", "2026-10-30T20:00", "2026-11-02T13:00"),
    (VANCOUVER, "CA-BC", "2025-10-31T20:00", "2025-11-03T16:00"),
    (BERLIN, "DE", "2026-10-23T20:00", "2026-10-26T07:00"),
    (KOLKATA, "IN", "2026-10-23T20:00", "2026-10-26T02:30"),
]


@pytest.mark.parametrize(("zone", "holidays", "due", "goes"), CALENDAR)
def test_mail_waits_for_the_opening_in_the_contacts_time_zone(zone, holidays, due, goes):
    assert goes == utc(office_hours(holidays).opening_ms(ms(due, zone), ZoneInfo(zone)))


# Time zone, holidays, local time by which a mail must be sent, UTC time at which it is sent.
EARLIER = [
    (TORONTO, "CA-ON", "2025-11-20T09:30", "2025-11-20T14:30"),
    (TORONTO, "CA-ON", "2025-11-20T05:00", "2025-11-19T23:59"),
    (TORONTO, "CA-ON", "2025-11-24T07:59", "2025-11-21T23:59"),
    (TORONTO, "CA-ON", "2025-12-29T07:00", "2025-12-24T23:59"),
    (VANCOUVER, "CA-BC", "2025-12-26T06:00", "2025-12-25T02:59"),
    (BERLIN, "DE", "2025-12-29T06:00", "2025-12-24T17:59"),
    (KOLKATA, "IN", "2025-12-26T06:00", "2025-12-24T13:29"),
    (TORONTO, "CA-ON", "2026-03-09T07:00", "2026-03-06T23:59"),
    (VANCOUVER, "CA-BC", "2025-11-03T07:00", "2025-11-01T01:59"),
    (VANCOUVER, "CA-BC", "2026-03-09T07:00", "2026-03-07T02:59"),
    (BERLIN, "DE", "2026-03-30T07:00", "2026-03-27T17:59"),
    (KOLKATA, "IN", "2026-03-30T07:00", "2026-03-27T13:29"),
    (TORONTO, "CA-ON", "2026-11-02T07:00", "2026-10-30T22:59"),
    (BERLIN, "DE", "2026-10-26T07:00", "2026-10-23T16:59"),
    (KOLKATA, "IN", "2026-10-26T07:00", "2026-10-23T13:29"),
]


@pytest.mark.parametrize(("zone", "holidays", "due", "goes"), EARLIER)
def test_a_reminder_goes_before_the_window_closes(zone, holidays, due, goes):
    assert goes == utc(office_hours(holidays).last_open_ms(ms(due, zone), ZoneInfo(zone)))


def test_opening_in_a_skipped_hour_is_after_the_clock_change():
    window = Window(opens_minute=2 * 60 + 30, closes_minute=19 * 60)

    assert utc(window.opening_ms(ms("2026-03-08T01:00", TORONTO), ZoneInfo(TORONTO))) == "2026-03-08T07:30"


def test_opening_in_a_repeated_hour_is_its_first_occurrence():
    window, zone = Window(opens_minute=90, closes_minute=19 * 60), ZoneInfo(TORONTO)
    opens_ms = ms("2026-11-01T01:30", TORONTO)

    assert utc(window.opening_ms(ms("2026-11-01T00:30", TORONTO), zone)) == "2026-11-01T05:30"
    assert utc(window.opening_ms(opens_ms + 60 * 60_000, zone)) == "2026-11-01T06:30"


def test_a_window_until_midnight_is_open_at_its_last_minute():
    window = Window(opens_minute=0, closes_minute=24 * 60, weekdays=frozenset({5}))
    at_ms = ms("2026-11-07T23:59", TORONTO)

    assert window.opening_ms(at_ms, ZoneInfo(TORONTO)) == at_ms
    assert window.last_open_ms(ms("2026-11-08T00:00", TORONTO), ZoneInfo(TORONTO)) == at_ms


def test_window_that_never_opens_raises_value_error():
    with pytest.raises(ValueError, match="never opens"):
        Window(opens_minute=0, closes_minute=60, is_holiday=lambda _day: True).opening_ms(0, ZoneInfo("UTC"))


def test_holidays_of_an_unknown_region_raise_lookup_error():
    with pytest.raises(LookupError):
        holidays_of("XX")


@pytest.mark.parametrize("name", [None, "", "Mars/Base", "../etc/passwd"])
def test_unknown_time_zone_name_gives_none(name):
    assert zone_named(name) is None
