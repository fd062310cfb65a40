"""No mail is sent at night: the real actors and scripts, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import redis.asyncio

from actors.sending import send
from common.campaigns.campaigns import Campaigns
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.ids import EnrollmentId
from common.errors import Ambiguous
from common.ledger.bookings import Bookings
from common.ledger.deliveries import ClaimGranted
from common.settings.settings import Settings
from common.world import World
from services.simulation.engine import Simulation
from services.simulation.report import report_on
from tests.packaged import packaged_campaigns

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def campaigns() -> Campaigns:
    """A campaign that sends from Monday to Friday, between 8:00 and 19:00, and on no holiday of Ontario."""
    return packaged_campaigns("new_year_2026")


def started(store: redis.asyncio.Redis, campaigns: Campaigns, clock: VirtualClock, **settings) -> Simulation:
    given = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}), **settings)
    return Simulation(store, campaigns, given, clock=clock)


def at(clock: VirtualClock, local: str, zone: str = "America/Toronto") -> None:
    clock.move_to(ms(local, zone))


def ms(local: str, zone: str = "America/Toronto") -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def sent(simulation: Simulation, zone: str = "America/Toronto") -> list[tuple[str, str]]:
    return [
        (mail.tags.get("step") or mail.tags["reminder"], _local(at_ms, zone))
        for at_ms, mail in simulation.mailer.accepted_mails
    ]


def _local(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M")


async def test_mail_due_on_friday_night_waits_for_monday_and_later_mails_keep_their_days(store, campaigns, clock, ada):
    run = started(store, campaigns, clock)
    at(clock, "2025-11-28T21:00")
    await run.sign_up(replace(ada, timezone=None))
    await run.run()

    assert sent(run) == [
        ("step-1", "Mon 2025-12-01 08:00"),
        ("step-2", "Tue 2025-12-02 08:00"),
        ("step-3", "Mon 2025-12-08 08:00"),
    ]


@pytest.mark.parametrize("zone", ["America/Vancouver", "Europe/Berlin", "Asia/Kolkata"])
async def test_sending_window_follows_the_contacts_time_zone(store, campaigns, clock, ada: Assessment, zone: str):
    run = started(store, campaigns, clock)
    at(clock, "2025-12-10T06:30", zone)
    await run.sign_up(replace(ada, timezone=zone))
    await run.run()

    assert [hour for _, hour in sent(run, zone)] == [
        "Wed 2025-12-10 08:00",
        "Mon 2025-12-15 08:00",
        "Wed 2025-12-17 08:00",
    ]


async def test_time_zone_of_a_call_counts_when_the_signup_has_none(store, campaigns, clock, ada):
    run = started(store, campaigns, clock)
    at(clock, "2025-12-10T06:30", "Europe/Berlin")
    await run.book(ada.email, clock.now_ms() - HOUR_MS, uid="A", timezone="Europe/Berlin")
    await run.run(until_ms=clock.now_ms() + 1)
    await run.sign_up(replace(ada, timezone=None))
    await run.run(until_ms=clock.now_ms() + 3 * HOUR_MS)

    assert sent(run, "Europe/Berlin") == [("step-1", "Wed 2025-12-10 08:00")]


@pytest.mark.parametrize(("testing_mode", "reads_a_mail"), [(False, 1), (True, 0)])
async def test_calls_are_read_for_a_mail_only_to_find_the_sending_window(
    store, campaigns, clock, ada, monkeypatch, testing_mode, reads_a_mail
):
    """No text of this campaign names a week, and in testing mode there is no window either."""
    reads, timezones = [], Bookings.timezones

    async def counted(bookings: Bookings, contact: EnrollmentId) -> list[str | None]:
        reads.append(contact)
        return await timezones(bookings, contact)

    monkeypatch.setattr(Bookings, "timezones", counted)
    run = started(store, campaigns, clock, testing_mode=testing_mode)
    at(clock, "2025-12-10T10:00")
    await run.sign_up(replace(ada, timezone=None))
    await run.run(until_ms=clock.now_ms() + 1_000)

    assert len(sent(run)) == 1
    assert len(reads) == reads_a_mail


async def test_two_mails_that_waited_for_one_opening_keep_the_minimum_gap(store, campaigns, clock, ada):
    run = started(store, campaigns, clock)
    at(clock, "2025-12-24T19:30")
    await run.sign_up(replace(ada, timezone=None))
    await run.run()

    assert sent(run)[:2] == [("step-1", "Mon 2025-12-29 08:00"), ("step-2", "Tue 2025-12-30 08:00")]


async def test_mail_of_unknown_outcome_does_not_wait_for_the_sending_window(store, campaigns, clock, ada):
    fails = iter([Ambiguous("timeout")])
    run = started(store, campaigns, clock)
    run.mailer.failure = lambda _mail: next(fails, None)
    at(clock, "2025-11-28T18:59")
    clock.move_to(clock.now_ms() + 59_000)
    await run.sign_up(replace(ada, timezone=None))
    await run.run(until_ms=clock.now_ms() + 10 * MINUTE_MS)

    assert [name for name, _ in sent(run)] == ["step-1"]


async def test_testing_mode_ignores_the_sending_window_and_reports_it(store, campaigns, clock, ada):
    run = started(store, campaigns, clock, testing_mode=True)
    at(clock, "2025-11-28T21:00")
    await run.sign_up(replace(ada, timezone=None))
    await run.run()

    assert [hour for _, hour in sent(run)] == [f"Fri 2025-11-28 21:0{minute}" for minute in range(3)]
    assert campaigns.windows_ignored(run.world.settings.pace) == ["new_year_2026"]


async def test_reminder_of_a_monday_call_is_sent_on_friday(store, campaigns, clock, ada):
    run = started(store, campaigns, clock)
    at(clock, "2025-12-03T10:00")
    await run.book(ada.email, ms("2025-12-08T09:00"), uid="A", timezone="America/Toronto")
    await run.run()

    # Both reminders fall on the weekend, and a contact does not get two at once.
    assert sent(run) == [("2h", "Fri 2025-12-05 18:59")]


async def test_last_reminder_of_a_call_booked_on_sunday_is_sent_at_the_next_opening(store, campaigns, clock, ada):
    run = started(store, campaigns, clock)
    at(clock, "2025-12-07T15:00")
    await run.book(ada.email, ms("2025-12-08T09:00"), uid="A", timezone="America/Toronto")
    await run.run()

    assert sent(run) == [("2h", "Mon 2025-12-08 08:00")]


async def test_no_reminder_is_later_than_its_call(store, campaigns, clock, ada):
    run = started(store, campaigns, clock)
    at(clock, "2025-12-07T15:00")
    await run.book(ada.email, ms("2025-12-08T07:30"), uid="A", timezone="America/Toronto")
    await run.run()

    assert sent(run) == []


async def test_the_simulation_finds_a_mail_outside_its_window(store, campaigns, clock, ada, monkeypatch):
    async def never(_world: World, _claim: ClaimGranted) -> None:
        return None

    run = started(store, campaigns, clock)
    at(clock, "2025-11-28T21:00")
    await run.sign_up(replace(ada, timezone="Asia/Kolkata"))
    await run.run()
    assert (await report_on(run, people=1)).violations == []

    monkeypatch.setattr(send, "next_opening_ms", never)
    await run.sign_up(replace(ada, email="night@example.org", timezone="Europe/Berlin"))
    await run.run(until_ms=clock.now_ms() + HOUR_MS)

    found = (await report_on(run, people=2)).violations
    outside = [line for line in found if line.startswith("mail_goes_within_its_window")]
    assert len(outside) == 1
