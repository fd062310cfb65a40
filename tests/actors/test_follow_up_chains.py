"""A chain of moved calls is followed up for one occasion only, with all the mails that the campaign sends after it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis.asyncio

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.compiled import FollowUp, Span
from common.clock import VirtualClock
from common.domain.booking import BookingKind
from common.domain.delivery import Trigger
from common.settings.settings import Settings
from services.simulation.engine import MEETING_MS, Simulation

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BORIS = "boris@example.org"
AGAIN = FollowUp(
    name="missed-again",
    on=Trigger.NO_SHOW,
    after=Span(production_ms=26 * HOUR_MS, testing_ms=60_000),
    body="follow_ups/missed.md",
)


@pytest.fixture
def simulation(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock) -> Simulation:
    """A simulation of a campaign that writes twice after a missed call."""
    following = campaign_of(replace(campaign.compiled, follow_ups=(*campaign.follow_ups, AGAIN)))
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    return Simulation(store, following, settings, clock=clock)


async def miss(simulation: Simulation, uid: str, start_ms: int) -> None:
    await simulation.run(until_ms=start_ms + MEETING_MS)
    await simulation.change_booking(BookingKind.NO_SHOW, uid, no_shows=((BORIS, True),))


def follow_ups(simulation: Simulation) -> list[str]:
    return [mail.tags["follow_up"] for mail in simulation.mailer.inbox_of(BORIS) if "follow_up" in mail.tags]


async def test_contact_thanked_for_a_call_gets_no_follow_up_for_missing_the_moved_one(simulation, clock):
    start_ms, later_ms = clock.now_ms() + 4 * DAY_MS, clock.now_ms() + 8 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms + MEETING_MS)
    await simulation.change_booking(BookingKind.ENDED, "A", start_ms=start_ms)
    await simulation.run(until_ms=start_ms + DAY_MS)
    await simulation.reschedule("A", to="B", address=BORIS, start_ms=later_ms)
    await miss(simulation, "B", later_ms)
    await simulation.run()

    assert follow_ups(simulation) == ["after-call"]


async def test_second_follow_up_for_one_reason_is_sent_though_the_call_changes_in_between(simulation, clock):
    start_ms = clock.now_ms() + 4 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await miss(simulation, "A", start_ms)
    await simulation.run(until_ms=start_ms + 10 * HOUR_MS)
    await simulation.change_booking(
        BookingKind.RELOCATED, "A", start_ms=start_ms, join_url="https://meet.example.com/b"
    )
    await simulation.run()

    assert follow_ups(simulation) == ["missed", "missed-again"]
