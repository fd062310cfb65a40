"""What a reminder's claim and settle keep in mind, as a step's do: repeated calls, deaths, pauses, tries."""

from __future__ import annotations

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id
from common.ledger import booking_views, keys
from common.ledger.answers import ClaimRefused, ReminderClaimGranted
from common.ledger.feedback import hear
from common.ledger.ledger import MAIL, Ledger
from common.ledger.pauses import Pause, pause, resume

HOUR_MS = 3_600_000
BORIS = enrollment_id("christmas_2025", "boris@example.org")


@pytest.fixture
def now_ms(clock) -> int:
    return clock.now_ms()


@pytest.fixture
def start_ms(now_ms) -> int:
    return now_ms + 24 * HOUR_MS


@pytest.fixture
async def reminder(ledger: Ledger, now_ms, start_ms):
    return await booked(ledger, "A", now_ms, start_ms)


async def booked(ledger: Ledger, uid: str, now_ms: int, start_ms: int):
    """Boris has a call, and its reminder is due now."""
    call = booking_id(uid)
    meeting = {"campaign": "christmas_2025", "contact": BORIS, "uid": uid, "stand": "booked", "received": now_ms}
    place = {"email": "boris@example.org", "start": start_ms, "end": start_ms + HOUR_MS}
    fate = {f"r:{start_ms}/24h": f"planned {now_ms} 0 0 "}
    await ledger.client.hset(keys.meeting(call), mapping={**meeting, **place, **fate})
    return reminder_delivery_id(call, start_ms=start_ms, name="24h")


async def go(ledger: Ledger, delivery, now_ms: int, worker: str = "w1") -> ReminderClaimGranted:
    claim = await ledger.claim(delivery, worker=worker, now_ms=now_ms)
    assert isinstance(claim, ReminderClaimGranted), claim
    return claim


async def dies_of(ledger: Ledger, delivery, now_ms: int, worker: str, *, frozen: bool = False) -> None:
    await ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})
    claim = await go(ledger, delivery, now_ms, worker)
    if frozen:
        await ledger.freeze(claim, "mail", now_ms=now_ms)
    await ledger.client.zrem(keys.HEARTBEATS, worker)


async def fields_of(ledger: Ledger, delivery) -> dict[str, str]:
    return await ledger.read_hash(keys.delivery(delivery))


def said(now_ms: int) -> Pause:
    return Pause(since_ms=now_ms, by="zoë", reason="the domain moves")


async def pauses_everybody(ledger: Ledger, now_ms: int) -> None:
    await pause(ledger, None, said(now_ms))


async def pauses_boris(ledger: Ledger, now_ms: int) -> None:
    await pause(ledger, BORIS, said(now_ms))


async def closes(ledger: Ledger, now_ms: int) -> None:
    await ledger.trouble(MAIL, whose="x", reason="invalid_api_key", provider_wide=True, now_ms=now_ms)


@pytest.mark.parametrize("begins", [pauses_everybody, pauses_boris, closes])
async def test_what_began_after_a_claim_leaves_it_as_it_is_and_stops_the_mail(ledger, reminder, now_ms, begins):
    first = await go(ledger, reminder, now_ms)
    await begins(ledger, now_ms)

    ledger._calls -= 1  # As the same call, sent once more.
    assert (await go(ledger, reminder, now_ms)).fence == first.fence
    assert (await ledger.freeze(first, "mail", now_ms=now_ms)).why == "held"


async def test_a_reminder_due_later_than_a_pause_is_looked_at_keeps_its_instant(ledger, reminder, now_ms, start_ms):
    claim = await go(ledger, reminder, now_ms)
    later_ms = now_ms + 2 * HOUR_MS
    await ledger.settle(claim, "retry", "503", now_ms=now_ms, due_ms=later_ms)
    await pauses_boris(ledger, now_ms)

    assert await ledger.claim(reminder, worker="w1", now_ms=now_ms) == ClaimRefused("held", "paused", later_ms)
    await resume(ledger, BORIS, now_ms=now_ms)
    assert await ledger.claim(reminder, worker="w1", now_ms=now_ms) == ClaimRefused("not yet", "", later_ms)
    assert await ledger.client.zscore(keys.OPEN, reminder) == later_ms


async def test_a_reminder_in_hand_is_looked_for_when_its_lease_is_over(ledger, reminder, now_ms):
    await go(ledger, reminder, now_ms)

    assert await ledger.client.zscore(keys.OPEN, reminder) > now_ms


@pytest.mark.parametrize("frozen_by", [{"a"}, {"c"}, set()])
async def test_a_reminder_that_killed_three_workers_says_whether_it_may_be_out(ledger, reminder, now_ms, frozen_by):
    for worker in ("a", "b", "c"):
        await dies_of(ledger, reminder, now_ms, worker, frozen=worker in frozen_by)

    answer = await ledger.claim(reminder, worker="w1", now_ms=now_ms)

    may = "; it may have been accepted all the same" if frozen_by else ""
    assert answer == ClaimRefused("dead", f"killed its worker 3 times{may}")
    assert ("doubt" in await fields_of(ledger, reminder)) is bool(frozen_by)


async def test_of_reminders_that_were_in_hand_at_two_deaths_one_at_a_time_is_tried(ledger, now_ms, start_ms):
    mallory, boris = [await booked(ledger, uid, now_ms, start_ms) for uid in ("M", "B")]
    for worker in ("a", "b"):
        for delivery in (mallory, boris):
            await dies_of(ledger, delivery, now_ms, worker)
    await go(ledger, mallory, now_ms)

    assert await ledger.claim(boris, worker="w1", now_ms=now_ms) == ClaimRefused("not yet", "", now_ms + 1_000)


async def test_two_deaths_between_which_a_reminder_was_settled_are_not_three(ledger, reminder, now_ms):
    for worker in ("a", "b"):
        await dies_of(ledger, reminder, now_ms, worker)
    await ledger.settle(await go(ledger, reminder, now_ms), "retry", "503", now_ms=now_ms, due_ms=now_ms)
    await dies_of(ledger, reminder, now_ms, "c")

    await go(ledger, reminder, now_ms)


async def test_while_one_reminder_finds_out_the_others_wait(ledger, reminder, now_ms, start_ms):
    other = await booked(ledger, "B", now_ms, start_ms)
    await closes(ledger, now_ms)
    await go(ledger, reminder, now_ms + 1_000)

    assert (await ledger.claim(other, worker="w1", now_ms=now_ms + 1_000)).why == "held"
    await go(ledger, other, now_ms + 16_000)


# settle


async def test_a_try_that_never_left_is_no_attempt(ledger, reminder, now_ms):
    claim = await go(ledger, reminder, now_ms)
    await ledger.freeze(claim, "mail", now_ms=now_ms)

    await ledger.settle(claim, "hold", "429", now_ms=now_ms, due_ms=now_ms)

    again = await go(ledger, reminder, now_ms)
    assert (again.attempts, again.failures, again.doubt) == (0, 0, False)


async def test_a_try_that_cost_nothing_and_left_a_doubt_may_go_at_its_turn(ledger, reminder, now_ms):
    claim = await go(ledger, reminder, now_ms)
    await ledger.freeze(claim, "mail", now_ms=now_ms)
    await ledger.settle(claim, "hold", "connection lost", now_ms=now_ms, due_ms=now_ms, doubt=True)

    again = await go(ledger, reminder, now_ms)
    assert (again.attempts, again.failures, again.doubt) == (1, 0, True)
    assert await ledger.never_accepted(again)


@pytest.mark.parametrize(("outcome", "doubt"), [("hold", False), ("retry", True)])
async def test_any_other_try_may_not(ledger, reminder, now_ms, outcome, doubt):
    claim = await go(ledger, reminder, now_ms)
    await ledger.freeze(claim, "mail", now_ms=now_ms)
    await ledger.settle(claim, outcome, "503", now_ms=now_ms, due_ms=now_ms, doubt=doubt)

    assert not await ledger.never_accepted(await go(ledger, reminder, now_ms))


async def test_what_fails_alike_is_told_once_if_it_costs_nothing_and_each_time_if_it_counts(ledger, reminder, now_ms):
    for outcome in ("hold", "hold", "retry", "retry"):
        claim = await go(ledger, reminder, now_ms)
        await ledger.freeze(claim, "mail", now_ms=now_ms)
        await ledger.settle(claim, outcome, "timeout", now_ms=now_ms, due_ms=now_ms, doubt=True)

    assert await ledger.client.llen(keys.timeline(BORIS)) == 3
    assert await ledger.client.zscore(keys.OPEN, reminder) == now_ms


async def test_an_accepted_reminder_leaves_nothing_open_and_ends_everybodys_wait(ledger, reminder, now_ms):
    await closes(ledger, now_ms)
    claim = await go(ledger, reminder, now_ms + 1_000)
    await ledger.freeze(claim, "mail", now_ms=now_ms + 1_000)

    settled = await ledger.settle(claim, "accepted", "re_1", now_ms=now_ms + 1_000)

    assert settled.troubled_since_ms == now_ms
    assert await fields_of(ledger, reminder) == {}
    assert await ledger.client.zscore(keys.OPEN, reminder) is None
    known = await booking_views.reminder(ledger, reminder)
    assert (known[1].fate, known[1].detail) == (DeliveryStatus.ACCEPTED, "re_1")
    assert await ledger.client.hget(keys.COUNTS, "fate:accepted") == b"1"


async def test_an_answer_after_a_webhook_told_of_the_mail_is_an_answer_all_the_same(ledger, reminder, now_ms):
    await closes(ledger, now_ms)
    claim = await go(ledger, reminder, now_ms + 1_000)
    await ledger.freeze(claim, "mail", now_ms=now_ms + 1_000)
    sent = Feedback(
        kind=FeedbackKind.SENT,
        delivery_id=reminder,
        contact_id=BORIS,
        event_ms=now_ms + 1_000,
        mailed_ms=now_ms + 1_000,
        received_ms=now_ms + 1_000,
        provider_id="re_1",
        address="boris@example.org",
    )
    await hear(ledger, sent, webhook_id="resend:1")

    settled = await ledger.settle(claim, "accepted", "re_1", now_ms=now_ms + 1_005)

    assert (settled.troubled_since_ms, settled.is_told) == (now_ms, False)
    assert await ledger.client.llen(keys.timeline(BORIS)) == 0


@pytest.mark.parametrize("frozen", [True, False])
async def test_a_reminder_that_was_buried_is_neither_sent_nor_settled_by_a_worker_that_only_stood_still(
    ledger, reminder, now_ms, frozen
):
    for worker in ("a", "b"):
        await dies_of(ledger, reminder, now_ms, worker)
    stands_still = await go(ledger, reminder, now_ms, worker="w2")
    if frozen:
        await ledger.freeze(stands_still, "mail", now_ms=now_ms)
    await ledger.client.zrem(keys.HEARTBEATS, "w2")
    assert (await ledger.claim(reminder, worker="w1", now_ms=now_ms)).why == "dead"

    assert (await ledger.freeze(stands_still, "mail", now_ms=now_ms)).why == "lost"
    assert await ledger.settle(stands_still, "accepted", "re_1", now_ms=now_ms) is None

    assert (await booking_views.reminder(ledger, reminder))[1].fate is DeliveryStatus.DEAD
    assert await ledger.client.zscore(keys.DEAD, reminder) == now_ms


@pytest.mark.parametrize(("frozen_by", "says"), [({"a"}, True), ({"b"}, True), (set(), False)])
async def test_a_reminder_in_hand_when_its_call_was_cancelled_says_whether_it_may_be_out(
    ledger, reminder, now_ms, frozen_by, says
):
    for worker in ("a", "b"):
        await dies_of(ledger, reminder, now_ms, worker, frozen=worker in frozen_by)
    await ledger.client.hset(keys.meeting(booking_id("A")), "stand", "cancelled")

    assert await ledger.claim(reminder, worker="w1", now_ms=now_ms) == ClaimRefused("exited", "cancelled")

    record = (await booking_views.reminder(ledger, reminder))[1]
    doubt = ", while the outcome of an earlier attempt was unknown" if says else ""
    assert (record.fate, record.detail) == (DeliveryStatus.SKIPPED, f"cancelled{doubt}")
    assert await fields_of(ledger, reminder) == {}
    assert await ledger.client.exists(keys.OPEN, keys.delayed("send")) == 0


@pytest.mark.parametrize("outcome", ["accepted", "dead", "skipped"])
async def test_what_has_met_its_fate_leaves_no_doubt_and_no_second_look(ledger, reminder, now_ms, outcome):
    claim = await go(ledger, reminder, now_ms)
    await ledger.freeze(claim, "mail", now_ms=now_ms)
    await ledger.client.zadd(keys.delayed("send"), {reminder: now_ms})  # As the sweeper may do.

    await ledger.settle(claim, outcome, "test_mode", now_ms=now_ms)

    assert (await booking_views.reminder(ledger, reminder))[1].detail == "test_mode"
    assert await ledger.client.exists(keys.OPEN, keys.delayed("send")) == 0
