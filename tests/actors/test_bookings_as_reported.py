"""Cal.com's own webhook bodies, from parsing to the mail and Notion: each fixture, in any order."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock, utc_datetime
from common.domain.ids import enrollment_id
from common.domain.projection import NotionBookingStatus
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.ledger_reads import timeline_of
from tests.reported_calls import parse_event

FIXTURES = Path(__file__).parent.parent / "fixtures"
GUEST = "guest@example.com"
WHO = enrollment_id("christmas_2025", GUEST)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def reported(name: str) -> dict[str, Any]:
    return json.loads((FIXTURES / f"calcom_{name}.json").read_text())


def playing(store: redis.asyncio.Redis, campaign: Campaign, at: str, **settings: Any) -> Simulation:
    known = {"secret_key": "k" * 32, "sandboxed": frozenset({"resend", "notion"})}
    return Simulation(store, campaign, Settings(**known | settings), clock=VirtualClock(ms(at)))


async def post(simulation: Simulation, body: dict[str, Any]) -> None:
    await simulation.receive(parse_event(body, received_ms=simulation.clock.now_ms(), types=()))


async def test_call_booked_moved_and_missed_as_reported_by_calcom(store, campaign):
    simulation = playing(store, campaign, "2026-11-25T15:00:01Z")
    await post(simulation, reported("booking_created"))
    await simulation.run(until_ms=ms("2026-11-26T15:00:01Z"))
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(
        status="Booked", meeting_ms=ms("2026-12-03T18:00:00Z")
    )

    await post(simulation, reported("booking_rescheduled"))
    await simulation.run(until_ms=ms("2026-12-04T19:31:00Z"))
    assert [(utc_datetime(at).isoformat(), mail.tags["reminder"]) for at, mail in simulation.mailer.accepted_mails] == [
        ("2026-12-01T19:00:00+00:00", "72h"),
        ("2026-12-03T19:00:00+00:00", "24h"),
        ("2026-12-04T17:00:00+00:00", "2h"),
    ]
    assert {mail.to for _, mail in simulation.mailer.accepted_mails} == {GUEST}
    last = simulation.mailer.inbox_of(GUEST)[-1]
    assert "11:00 a.m. on Friday, December 4 (Vancouver time)" in last.text
    assert "https://app.cal.com/video/uidBBB" in last.text

    await post(simulation, reported("meeting_ended_flat"))
    await simulation.run(until_ms=ms("2026-12-04T20:00:00Z"))
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(
        status="Completed", meeting_ms=ms("2026-12-04T19:00:00Z")
    )

    await post(simulation, reported("no_show_updated"))
    await simulation.run()
    assert simulation.mirror.bookings[WHO].status == "No-Show"
    happened = [entry.what for entry in await timeline_of(simulation.ledger, WHO)]
    assert [what for what in happened if not what.endswith("skipped")] == [
        *["call booked", "call moved"],
        *["reminder 72h accepted", "reminder 24h accepted", "reminder 2h accepted"],
        *["call ended", "no-show marked", "follow-up missed accepted"],
    ]
    assert happened.count("reminder 24h skipped") == 1


async def test_testing_mode_at_speed_60_reminds_at_the_right_seconds(store, campaign):
    simulation = playing(store, campaign, "2026-11-25T15:00:00Z", testing_mode=True, campaign_speed=60)
    body = reported("booking_created")
    body["payload"] |= {"startTime": "2026-11-25T15:00:10Z", "endTime": "2026-11-25T15:00:20Z"}
    await post(simulation, body)
    await simulation.run()

    assert [utc_datetime(at).second for at, _ in simulation.mailer.accepted_mails] == [4, 7, 9]


async def test_every_order_of_the_calcom_fixtures_ends_in_the_same_state(store, campaign):
    names = ("booking_created", "booking_rescheduled", "booking_cancelled", "meeting_ended_flat", "no_show_updated")
    ends = set()
    for order in [*permutations(names)][::5]:
        await store.flushall()
        simulation = playing(store, campaign, "2026-11-28T15:00:00Z")
        for name in (*order, order[0]):
            await post(simulation, reported(name))
            await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
        await simulation.run()
        final_statuses = sorted(
            [
                (call.booking.uid, name, record.status.value, record.detail)
                async for call in simulation.ledger.bookings.calls(WHO)
                for name, record in call.records.items()
                if name.partition("/")[0].isdecimal()  # A reminder.
            ]
        )
        ends.add((simulation.mirror.bookings[WHO].status, len(simulation.mailer.accepted_mails), str(final_statuses)))

    [(status, mails, final_statuses)] = ends
    assert (status, mails) == ("Not Booked", 0)
    assert (final_statuses.count("'moved'"), final_statuses.count("'cancelled'")) == (3, 3)
