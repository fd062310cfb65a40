"""Holds on all sending, which Advent starts on its own: nothing is sent until they end, and due times stay."""

from __future__ import annotations

from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.holds import Hold
from common.ledger.reads.store_stats import read_store_stats
from tests.ledger.test_pauses import enrolled, promoted, said

ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = step_delivery_id(ADA, 1)
HOLD = Hold(since_ms=1, why="the store's clock is a day ahead", cure="Correct it.")


async def test_hold_stops_all_sending_until_it_ends_and_says_why(ledger, ada, clock, store_url):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)

    assert await ledger.holds.start("clock", HOLD)
    assert not await ledger.holds.start("clock", HOLD)

    assert promoted(store_url, clock)["send"] == 0
    refused = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)
    assert refused == ClaimRefused("held", "clock", now + 1_000)
    assert (await read_store_stats(ledger, now_ms=now)).holds == {"clock": HOLD}

    assert await ledger.holds.finish("clock") == HOLD
    assert await ledger.holds.finish("clock") is None
    clock.advance(1_000)
    assert promoted(store_url, clock)["send"] == 1
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w1", now_ms=clock.now_ms()), ClaimGranted)


async def test_claimed_mail_is_not_sent_after_a_hold_began(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)

    await ledger.holds.start("clock", HOLD)

    frozen = await ledger.deliveries.freeze(claim, "{}", now_ms=now)
    assert frozen == ClaimRefused("held", "clock", now + 1_000)


async def test_contact_who_unsubscribes_during_a_hold_leaves_no_open_delivery(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.holds.start("clock", HOLD)
    await ledger.enrollments.unsubscribe(ADA, address_hash=None, now_ms=now)
    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)).reason == "held"
    await ledger.holds.finish("clock")

    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now + 1_000)).reason == "exited"
    assert await ledger.client.zcard(keys.OPEN) == 0


async def test_contact_who_is_forgotten_during_a_hold_leaves_no_open_delivery(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.holds.start("clock", HOLD)
    await ledger.contacts.forget_address(ada.email, now_ms=now)
    await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)
    await ledger.holds.finish("clock")

    await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now + 1_000)
    assert await ledger.client.zcard(keys.OPEN) == 0


async def test_two_holds_and_a_pause_end_independently(ledger, ada, clock, store_url):
    await enrolled(ledger, ada, clock.now_ms())
    await ledger.holds.start("clock", HOLD)
    await ledger.holds.start("restored", HOLD)
    await ledger.pauses.start(None, said(clock.now_ms()))

    await ledger.holds.finish("clock")
    assert promoted(store_url, clock)["send"] == 0
    await ledger.pauses.finish(None, now_ms=clock.now_ms())
    assert promoted(store_url, clock)["send"] == 0
    await ledger.holds.finish("restored")
    assert promoted(store_url, clock)["send"] == 1


async def test_a_hold_of_one_worker_leaves_the_delivery_to_another(ledger, ada, clock, store_url):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.holds.start("clock/w1", HOLD)

    assert promoted(store_url, clock)["send"] == 1
    assert await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now) == ClaimRefused("held", "clock", now + 1_000)
    assert isinstance(await ledger.deliveries.claim(FIRST, worker="w2", now_ms=now + 1_000), ClaimGranted)


async def test_nothing_is_decided_during_a_hold_so_no_reminder_expires_by_a_wrong_clock(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.enrollments.hold(ADA, "booked", now_ms=now)
    await ledger.holds.start("clock", HOLD)

    held = await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now)
    await ledger.holds.finish("clock")

    assert held.detail == "clock"
    assert (await ledger.deliveries.claim(FIRST, worker="w1", now_ms=now + 1_000)).detail == "booked"
