"""A call that Cal.com gives to another host under a new uid stays one call."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.enrollment import Status
from common.domain.ids import booking_id
from common.domain.series import BookingState, resolve
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.reported_calls import ADA, BOB, HOUR_MS, calls, cancelled, case, contact, mails, ms, parse_event, post

MINUTE_MS = 60_000


@pytest.fixture
def guests(store: redis.asyncio.Redis, campaign: Campaign) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}), meeting_hosts="example.com")
    return Simulation(store, campaign, settings, clock=VirtualClock(ms("2026-11-29T10:00:00Z")))


def handed_over(made_by: str = "BOOKING_CREATED") -> list[dict[str, Any]]:
    """
    Return the events of a managed call that is given to another host: its booking is cancelled, a new one is made.
    """
    created, reassigned = case("c26")
    new = {**reassigned["payload"], "uid": "rr2", "iCalUID": "rr2@Cal.com", "eventTypeId": 456}
    made = {"triggerEvent": made_by, "createdAt": "2026-12-01T10:00:01.000Z", "payload": new}
    return [created, cancelled(created, "2026-12-01T10:00:02.000Z"), made]


@pytest.mark.parametrize("made_by", ["BOOKING_CREATED", "BOOKING_REASSIGNED"])
async def test_call_given_to_another_host_under_a_new_uid_gets_its_reminders_once(guests, made_by):
    await post(guests, *handed_over(made_by))
    await guests.run()

    assert [name for name, _ in mails(guests, ADA)] == ["72h", "24h", "2h"]
    assert "Nina Newhost" in mails(guests, ADA)[-1][1]
    assert guests.mirror.bookings[contact(ADA)].status == "Unmarked"
    assert {one.booking.uid: one.booking.state.value for one in await calls(guests, ADA)} == {
        "rr1": "moved",
        "rr2": "unmarked",
    }


async def test_only_the_new_booking_counts_after_a_handover_without_a_cancellation(guests):
    created, _, reassigned = handed_over("BOOKING_REASSIGNED")
    await post(guests, created, reassigned)
    await guests.run()

    assert [name for name, _ in mails(guests, ADA)] == ["72h", "24h", "2h"]
    assert "Nina Newhost" in mails(guests, ADA)[-1][1]


@pytest.mark.parametrize("made_by", ["BOOKING_CREATED", "BOOKING_REASSIGNED"])
async def test_handover_is_one_chain_in_every_order_of_events(store, guests, made_by):
    ends = set()
    events = handed_over(made_by)
    for order in permutations(range(3)):
        await store.flushall()
        for number in (*order, order[0]):
            at_ms = guests.clock.now_ms()
            await guests.receive(parse_event(events[number], received_ms=at_ms, types=()))
            await guests.run(until_ms=at_ms)
        found = sorted([one.booking for one in await calls(guests, ADA)], key=lambda one: one.uid)
        gathered = await guests.ledger.bookings.gather(booking_id("rr1"))
        chains = {one.chain for one in resolve(gathered.events)}
        uids = {one.ical_uid for one in resolve(gathered.events) if one.state is BookingState.BOOKED}
        ends.add((tuple((one.uid, one.state.value, one.organizer) for one in found), len(chains), *uids))

    assert {((("rr1", "moved", "Sarah Host"), ("rr2", "booked", "Nina Newhost")), 1, "rr2@Cal.com")} == ends


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"startTime": "2026-12-03T19:00:00Z"}, "another time"),
        ({"attendees": [{"email": BOB, "name": "Bob", "timeZone": "UTC"}]}, "another guest"),
        ({"createdAt": "2026-12-01T11:00:00.000Z"}, "an hour later"),
        ({"requestReschedule": True}, "the host asks for another time"),
    ],
)
async def test_cancelled_call_and_an_unrelated_booking_stay_two_calls(guests, changes, why):
    created, called_off, made = handed_over()
    made["payload"] |= {name: value for name, value in changes.items() if name in ("startTime", "attendees")}
    made["createdAt"] = changes.get("createdAt", made["createdAt"])
    called_off["payload"] = {**called_off["payload"], "requestReschedule": "requestReschedule" in changes}
    await post(guests, created, called_off, made)
    await guests.run(until_ms=ms("2026-12-02T00:00:00Z"))

    states = {one.booking.uid: one.booking.state.value for who in (ADA, BOB) for one in await calls(guests, who)}
    assert states == {"rr1": "cancelled", "rr2": "booked"}, why


@pytest.fixture
def stopping(store: redis.asyncio.Redis, campaign: Campaign) -> Simulation:
    """A simulation of a campaign that pauses for a call and ends when the call is cancelled."""
    policy = replace(campaign.booking, nurture="pause", cancellation_resumes=False)
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}), meeting_hosts="example.com")
    pausing = replace(campaign, compiled=replace(campaign.compiled, booking=policy))
    return Simulation(store, pausing, settings, clock=VirtualClock(ms("2026-11-29T10:00:00Z")))


@pytest.mark.parametrize("made_by", ["BOOKING_CREATED", "BOOKING_REASSIGNED"])
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_handover_never_ends_a_campaign_that_a_cancellation_ends_whatever_the_order(stopping, order, made_by):
    events, anchor_ms = handed_over(made_by), stopping.clock.now_ms()
    await stopping.sign_up(Assessment(email=ADA, first_name="Ada", assessment_score=50))
    await stopping.run(until_ms=ms("2026-12-01T10:00:03Z"))
    for number in order:
        at_ms = stopping.clock.now_ms()
        await stopping.receive(parse_event(events[number], received_ms=at_ms, types=()))
        await stopping.run(until_ms=at_ms + 4 * MINUTE_MS)
    await stopping.run()

    sent_h = [(at_ms - anchor_ms) / HOUR_MS for at_ms, mail in stopping.mailer.accepted_mails if "step" in mail.tags]
    assert sent_h[1:3] == [24, 104]
    assert stopping.mirror.rows[contact(ADA)].status is Status.COMPLETED
