"""A booked call stops a campaign's steps, pauses them, or leaves them alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.booking import BookingKind
from common.domain.contact import Assessment
from common.domain.enrollment import Status
from common.domain.ids import enrollment_id
from common.settings.settings import Settings
from services.simulation.engine import Simulation

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BORIS = "boris@example.org"
WHO = enrollment_id("christmas_2025", BORIS)


def pausing(campaign: Campaign, nurture: str, *, resumes: bool = True) -> Campaign:
    booking = replace(campaign.booking, nurture=nurture, cancellation_resumes=resumes)
    return replace(campaign, compiled=replace(campaign.compiled, booking=booking))


@pytest.fixture
def simulate(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock):
    def make(nurture: str, *, resumes: bool = True) -> Simulation:
        settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
        return Simulation(store, pausing(campaign, nurture, resumes=resumes), settings, clock=clock)

    return make


def steps_sent_h(simulation: Simulation, anchor_ms: int) -> list[float]:
    """Return when each step was accepted, in hours after the signup."""
    return [
        round((ms - anchor_ms) / HOUR_MS, 3) for ms, mail in simulation.mailer.accepted_mails if "step" in mail.tags
    ]


async def test_campaign_that_stops_for_a_call_ends_its_steps_at_the_booking_and_still_reminds(simulate, boris, clock):
    simulation, anchor = simulate("stop"), clock.now_ms()
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.book(BORIS, anchor + 10 * DAY_MS, uid="A")
    await simulation.run()

    assert steps_sent_h(simulation, anchor) == [0, 24]
    assert len([mail for mail in simulation.mailer.inbox_of(BORIS) if "reminder" in mail.tags]) == 3
    assert simulation.mirror.rows[WHO].exit_reason == "stopped"


async def test_campaign_paused_for_a_call_continues_without_a_webhook_for_the_end_of_the_call(simulate, boris, clock):
    simulation, anchor = simulate("pause"), clock.now_ms()
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.book(BORIS, anchor + 100 * HOUR_MS, uid="A")
    await simulation.run()

    assert steps_sent_h(simulation, anchor) == [0, 24, 100.5, 120, 168, 216, 264]
    assert simulation.mirror.rows[WHO].status is Status.COMPLETED


async def test_cancellation_resumes_at_once_the_steps_that_a_booking_paused(simulate, boris, clock):
    simulation, anchor = simulate("pause"), clock.now_ms()
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.book(BORIS, anchor + 1000 * HOUR_MS, uid="A")
    await simulation.run(until_ms=anchor + 90 * HOUR_MS)
    await simulation.cancel("A")
    await simulation.run()

    assert steps_sent_h(simulation, anchor) == [0, 24, 90, 120, 168, 216, 264]


async def test_cancellation_that_does_not_resume_ends_the_steps_unless_the_host_asks_to_reschedule(
    simulate, boris, clock
):
    simulation, anchor = simulate("pause", resumes=False), clock.now_ms()
    await simulation.sign_up(boris)
    await simulation.sign_up(Assessment(email="ada@example.org", first_name="Ada", assessment_score=50))
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.book(BORIS, anchor + 1000 * HOUR_MS, uid="A")
    await simulation.book("ada@example.org", anchor + 1000 * HOUR_MS, uid="B")
    await simulation.run(until_ms=anchor + 50 * HOUR_MS)
    await simulation.cancel("A")
    await simulation.cancel("B", request_reschedule=True)
    await simulation.run()

    assert simulation.mirror.rows[WHO].exit_reason == "stopped"
    assert len(simulation.mailer.inbox_of(BORIS)) == 2
    assert len(simulation.mailer.inbox_of("ada@example.org")) == 7


async def test_no_step_is_sent_before_a_cancellation_takes_effect_though_another_call_is_marked(simulate, boris, clock):
    simulation, anchor = simulate("pause", resumes=False), clock.now_ms()
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.book(BORIS, anchor + 1000 * HOUR_MS, uid="A")
    await simulation.book(BORIS, anchor + 40 * HOUR_MS, uid="B")
    await simulation.run(until_ms=anchor + 121 * HOUR_MS)
    await simulation.cancel("A")
    await simulation.run(until_ms=anchor + 121 * HOUR_MS + 100_000)
    await simulation.change_booking(BookingKind.NO_SHOW, "B", no_shows=((BORIS, True),))
    await simulation.run(until_ms=anchor + 121 * HOUR_MS + 599_000)

    assert steps_sent_h(simulation, anchor) == [0, 24]
    assert (await simulation.ledger.enrollments.get(WHO)).exit_reason is None
    await simulation.run(until_ms=anchor + 121 * HOUR_MS + 601_000)
    assert (await simulation.ledger.enrollments.get(WHO)).exit_reason == "stopped"
    await simulation.run()
    assert steps_sent_h(simulation, anchor) == [0, 24]


async def test_steps_paused_by_a_call_from_before_the_signup_continue_after_it(simulate, boris, clock):
    simulation, anchor = simulate("pause"), clock.now_ms()
    await simulation.book(BORIS, anchor + 50 * HOUR_MS, uid="B")
    await simulation.run(until_ms=anchor + 1)
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + 5 * HOUR_MS)
    await simulation.book(BORIS, anchor + 100 * HOUR_MS, uid="A")
    await simulation.run(until_ms=anchor + 10 * HOUR_MS)
    await simulation.cancel("A")
    await simulation.run()

    assert steps_sent_h(simulation, anchor) == [0, 50.5, 72, 120, 168, 216, 264]


async def test_an_operators_hold_outlasts_the_calls(simulate, boris, clock):
    simulation, anchor = simulate("pause"), clock.now_ms()
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + HOUR_MS)
    await simulation.ledger.enrollments.hold(WHO, "operator", now_ms=clock.now_ms())
    await simulation.book(BORIS, anchor + 50 * HOUR_MS, uid="A")
    await simulation.run(until_ms=anchor + 60 * HOUR_MS)
    assert steps_sent_h(simulation, anchor) == [0]
    assert (await simulation.ledger.schedule.sweep("0", now_ms=clock.now_ms()))[1] == []

    await simulation.ledger.enrollments.release(WHO, "operator", now_ms=clock.now_ms())
    await simulation.run()

    assert steps_sent_h(simulation, anchor) == [0, 60, 72, 120, 168, 216, 264]
