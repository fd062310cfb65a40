"""An operator skips a planned mail or sends it now: there is one outcome, whatever workers do, and a clear answer."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Status
from common.domain.series import BookingState
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted
from common.ledger.pauses import Pause
from tests.ledger.planned import PLAN, book, pause
from tests.ledger.test_feedback import K, about, tell
from tests.ledger.test_transitions import ADA, HOUR_MS, enrolled, go, send, step

CAMPAIGN = "christmas_2025"


async def skip(ledger, number, now_ms, reason="not for her"):
    return await ledger.planned_deliveries.skip(step(number), campaign=CAMPAIGN, reason=reason, by="mia", now_ms=now_ms)


async def send_now(ledger, number, now_ms, *, ignores_gap=False):
    return await ledger.planned_deliveries.send_now(
        step(number), campaign=CAMPAIGN, ignores_gap=ignores_gap, by="mia", now_ms=now_ms
    )


@pytest.fixture
async def now(ledger, ada, clock):
    """Send Ada her first mail; the second is planned for tomorrow. Return the time."""
    await enrolled(ledger, ada, clock.now_ms())
    await send(ledger, 1, clock.now_ms())
    return clock.now_ms()


async def ada_now(ledger):
    return await ledger.enrollments.get(ADA)


async def test_a_skipped_mail_is_never_sent_and_the_one_after_it_keeps_its_day(ledger, now):
    decided = await skip(ledger, 2, now)

    known = await ada_now(ledger)
    assert decided.answer == "done"
    assert known.step_status(2) == (DeliveryStatus.SKIPPED, "not for her")
    assert (known.next_step, known.next_due_ms) == (3, now + 72 * HOUR_MS)
    refused = await ledger.deliveries.claim(step(2), worker="w1", now_ms=now + 25 * HOUR_MS)
    assert refused.reason == "already"


async def test_skipped_mail_of_a_later_day_is_passed_over_when_its_turn_comes(ledger, now):
    assert (await skip(ledger, 3, now)).answer == "done"
    await send(ledger, 2, now + 24 * HOUR_MS)

    assert (await ada_now(ledger)).next_step == 4


async def test_skipping_all_remaining_mails_completes_the_enrollment(ledger, now):
    for number in range(2, 8):
        assert (await skip(ledger, number, now)).answer == "done"

    assert (await ada_now(ledger)).status is Status.COMPLETED


async def test_second_skip_of_a_mail_changes_nothing_and_says_so(ledger, now):
    first, second = await skip(ledger, 2, now), await skip(ledger, 2, now, "again")

    assert (first.answer, second.answer, second.detail) == ("done", "already", "skipped")
    assert (await ada_now(ledger)).step_status(2)[1] == "not for her"


async def test_a_mail_that_is_sent_now_keeps_the_gap_unless_confirmed(ledger, now):
    waits = await send_now(ledger, 2, now + HOUR_MS)
    goes = await send_now(ledger, 2, now + HOUR_MS, ignores_gap=True)

    assert (waits.answer, waits.at_ms) == ("done", now + 12 * HOUR_MS)
    assert (goes.answer, goes.at_ms) == ("done", now + HOUR_MS)
    await send(ledger, 2, now + HOUR_MS)
    assert (await ada_now(ledger)).next_due_ms == now + 72 * HOUR_MS


async def test_mail_sent_now_without_confirmation_waits_until_the_minimum_gap_ends(ledger, now):
    await send_now(ledger, 2, now + HOUR_MS)

    early = await ledger.deliveries.claim(step(2), worker="w1", now_ms=now + 2 * HOUR_MS)

    assert (early.reason, early.until_ms) == ("not yet", now + 12 * HOUR_MS)
    assert isinstance(await ledger.deliveries.claim(step(2), worker="w1", now_ms=now + 12 * HOUR_MS), ClaimGranted)


async def test_send_now_never_makes_a_mail_later(ledger, now):
    due_ms = now + 24 * HOUR_MS
    await send(ledger, 2, due_ms)
    early = await send_now(ledger, 3, now + 71 * HOUR_MS)

    assert early.at_ms == now + 71 * HOUR_MS
    assert (await send_now(ledger, 3, now + 80 * HOUR_MS)).at_ms == now + 80 * HOUR_MS


async def test_send_now_sends_a_mail_that_waits_for_a_retry_immediately(ledger, now):
    later = now + 24 * HOUR_MS
    claim = await go(ledger, 2, later)
    await ledger.deliveries.freeze(claim, "mail 2", now_ms=later)
    await ledger.deliveries.settle(claim, "retry", "500", now_ms=later, due_ms=later + HOUR_MS)

    assert (await send_now(ledger, 2, later + 1_000)).at_ms == later + 1_000
    assert isinstance(await ledger.deliveries.claim(step(2), worker="w1", now_ms=later + 1_000), ClaimGranted)


async def test_only_the_next_mail_can_be_sent_now(ledger, now):
    assert (await send_now(ledger, 3, now)).answer == "later"


@pytest.mark.parametrize("whose", [None, ADA, f"campaign:{CAMPAIGN}"])
async def test_nothing_is_sent_now_while_paused(ledger, now, whose):
    await ledger.pauses.start(whose, Pause(since_ms=now, by="ron", reason=""))

    assert (await send_now(ledger, 2, now)).answer == "paused"


async def test_nothing_is_sent_now_while_a_booked_call_holds_the_mails(ledger, now):
    await ledger.enrollments.hold(ADA, "booked", now_ms=now)

    answer = await send_now(ledger, 2, now)
    assert (answer.answer, answer.detail) == ("paused", "booked")


async def test_a_paused_persons_mail_may_be_skipped_and_the_next_one_waits(ledger, now):
    await ledger.pauses.start(ADA, Pause(since_ms=now, by="ron", reason=""))

    assert (await skip(ledger, 2, now)).answer == "done"

    assert await ledger.client.zscore(keys.delayed("send"), step(3)) is None
    await ledger.pauses.finish(ADA, now_ms=now)
    assert await ledger.client.zscore(keys.delayed("send"), step(3)) == now + 72 * HOUR_MS


async def test_mail_of_an_exited_contact_can_be_neither_skipped_nor_sent_now(ledger, now):
    from common.domain.enrollment import ExitReason

    await ledger.enrollments.exit(ADA, ExitReason.STOPPED, address_hash=None, now_ms=now)

    assert (await skip(ledger, 3, now)).answer == "over"
    assert (await send_now(ledger, 2, now)).answer == "over"


async def test_timeline_names_the_person_who_skipped_or_sent_a_mail(ledger, now):
    await send_now(ledger, 2, now)
    await skip(ledger, 2, now)

    lines = [line.decode() for line in await ledger.client.lrange(keys.timeline(ADA), 0, -1)]
    assert any("sent now by hand" in line and "step 2, by mia" in line for line in lines)
    assert any("skipped by hand" in line for line in lines)


async def lines_of_hand(ledger):
    lines = await ledger.client.lrange(keys.timeline(ADA), 0, -1)
    return [line for line in lines if b"by hand" in line]


@pytest.fixture
def loses_answers(ledger, monkeypatch):
    """Make the store lose its next answer. `between`: called before the script is repeated."""

    def lose(between):
        run_json = ledger.store.run_json

        async def runs_twice(name, touched, given):
            await run_json(name, touched, given)
            monkeypatch.setattr(ledger.store, "run_json", run_json)
            await between()
            return await run_json(name, touched, given)

        monkeypatch.setattr(ledger.store, "run_json", runs_twice)

    return lose


async def nothing():
    pass


async def test_skip_with_a_lost_answer_is_done_and_noted_once(ledger, now, loses_answers):
    loses_answers(nothing)

    assert (await skip(ledger, 2, now)).is_done
    assert len(await lines_of_hand(ledger)) == 1


@pytest.mark.parametrize("then", ["it waits", "it is in hand", "it was sent"])
async def test_send_now_with_a_lost_answer_is_done_and_noted_once(ledger, now, loses_answers, then):
    at_ms = now + HOUR_MS

    async def between():
        if then == "it is in hand":
            await go(ledger, 2, at_ms)
        if then == "it was sent":
            await send(ledger, 2, at_ms)

    loses_answers(between)
    decided = await send_now(ledger, 2, at_ms, ignores_gap=True)

    assert (decided.answer, decided.at_ms) == ("done", at_ms)
    assert len(await lines_of_hand(ledger)) == 1


async def test_two_clicks_on_send_now_are_noted_twice(ledger, now):
    await send_now(ledger, 2, now)
    await send_now(ledger, 2, now)

    assert len(await lines_of_hand(ledger)) == 2


@pytest.mark.parametrize(("kind", "status"), [(K.SENT, "accepted"), (K.BOUNCED, "bounced")])
async def test_a_mail_that_was_reported_before_its_worker_died_cannot_be_skipped(ledger, now, kind, status):
    later = now + 24 * HOUR_MS
    claim = await go(ledger, 2, later)
    await ledger.deliveries.freeze(claim, "mail 2", now_ms=later)
    await tell(ledger, about(kind, later + 500, step=2))
    await ledger.client.hset(keys.enrollment(ADA), "status", "active")
    await ledger.client.zrem(keys.HEARTBEATS, "w1")

    decided = await skip(ledger, 2, later + 1_000)

    assert (decided.answer, decided.detail) == ("already", status)
    assert (await ada_now(ledger)).records[2].status == status
    assert await lines_of_hand(ledger) == []


class Worker:
    """One worker that sends the second mail, one call at a time."""

    def __init__(self, ledger, now_ms, sent):
        self.ledger, self.now_ms, self.sent = ledger, now_ms, sent
        self.claim = None
        self.attempt = None

    async def claims(self):
        self.claim = await self.ledger.deliveries.claim(step(2), worker="w1", now_ms=self.now_ms)

    async def freezes(self):
        if isinstance(self.claim, ClaimGranted):
            self.attempt = await self.ledger.deliveries.freeze(self.claim, "mail 2", now_ms=self.now_ms)

    async def sends(self):
        if isinstance(self.attempt, int):
            self.sent.append("mail 2")

    async def settles(self):
        if isinstance(self.attempt, int):
            await self.ledger.deliveries.settle(self.claim, "accepted", "re_2", now_ms=self.now_ms)


def orders():
    """Yield every way to place *skip* and *send now*, in either order, among the four calls of a worker."""
    for places in combinations(range(6), 2):
        for clicks in permutations(("skip", "send now")):
            calls = iter(("claims", "freezes", "sends", "settles"))
            clicked = iter(clicks)
            yield tuple(next(clicked) if place in places else next(calls) for place in range(6))


@pytest.mark.parametrize("order", list(orders()), ids="-".join)
async def test_concurrent_send_now_skip_and_claim_have_one_outcome_and_correct_answers(ledger, now, order):
    sent: list[str] = []
    answers = {}
    later = now + 24 * HOUR_MS
    worker = Worker(ledger, later, sent)
    for move in order:
        if move == "skip":
            answers[move] = await skip(ledger, 2, later)
        elif move == "send now":
            answers[move] = await send_now(ledger, 2, later, ignores_gap=True)
        else:
            await getattr(worker, move)()
    for call in ("claims", "freezes", "sends", "settles"):  # The schedule makes a waiting mail ready again.
        if not sent and answers["skip"].answer != "done":
            await getattr(worker, call)()

    status, _ = (await ada_now(ledger)).step_status(2)
    if answers["skip"].is_done:
        assert (status, sent) == (DeliveryStatus.SKIPPED, [])
        assert answers["send now"].answer in ("done", "already")
    else:
        assert (status, sent) == (DeliveryStatus.ACCEPTED, ["mail 2"])
        assert answers["skip"].answer in ("sending", "already")
    assert await ledger.client.zscore(keys.delayed("send"), step(2)) is None
    assert (await ada_now(ledger)).next_step == 3


@pytest.fixture(params=["reminder", "follow-up", "sms"])
async def planned(request, ledger, clock):
    """A delivery about a call, due now."""
    return await PLAN[request.param](ledger, clock.now_ms())


def about_call(planned, **more):
    return {"campaign": planned.ledger.campaign, "by": "mia", "now_ms": planned.now_ms} | more


async def test_delivery_about_a_call_can_be_skipped(planned):
    decided = await planned.ledger.planned_deliveries.skip(planned.id, **about_call(planned, reason="she rang"))

    refused = await planned.ledger.deliveries.claim(planned.id, worker="w1", now_ms=planned.now_ms)
    assert (decided.answer, refused.reason) == ("done", "already")
    assert await planned.ledger.client.zscore(keys.delayed(planned.queue), planned.id) is None


@pytest.mark.parametrize("reason", [str(BookingState.MOVED), str(BookingState.CANCELLED), "she rang"])
async def test_skipped_reminder_stays_skipped_when_its_booking_is_processed_again(ledger, clock, reason):
    planned = await PLAN["reminder"](ledger, clock.now_ms())
    await ledger.planned_deliveries.skip(planned.id, **about_call(planned, reason=reason))

    await book(ledger, planned.address, planned.now_ms, uid="uid-ada")

    assert (await planned.record()).status is DeliveryStatus.SKIPPED


async def test_send_now_sends_a_reminder_immediately(ledger, clock):
    planned = await PLAN["reminder"](ledger, clock.now_ms())
    early = planned.now_ms - 30 * 60_000
    await ledger.client.zadd(keys.delayed("send"), {planned.id: planned.now_ms})

    decided = await ledger.planned_deliveries.send_now(
        planned.id, **about_call(planned, now_ms=early, ignores_gap=False)
    )
    await book(ledger, planned.address, planned.now_ms, uid="uid-ada")

    assert (decided.answer, decided.at_ms) == ("done", early)
    assert await ledger.client.zscore(keys.delayed("send"), planned.id) == early, "also when the booking is seen again"
    assert isinstance(await planned.claimed(at_ms=early), ClaimGranted)


async def test_delivery_about_an_ended_call_can_be_neither_skipped_nor_sent_now(planned):
    await planned.ends()

    skipped = await planned.ledger.planned_deliveries.skip(planned.id, **about_call(planned, reason=""))
    sent = await planned.ledger.planned_deliveries.send_now(planned.id, **about_call(planned, ignores_gap=False))

    assert {(skipped.answer, skipped.detail), (sent.answer, sent.detail)} == {("over", "cancelled")}


async def test_a_reminder_of_a_call_that_has_begun_is_not_sent_now(ledger, clock):
    planned = await PLAN["reminder"](ledger, clock.now_ms())
    late = about_call(planned, now_ms=planned.now_ms + 24 * HOUR_MS, ignores_gap=False)

    assert (await ledger.planned_deliveries.send_now(planned.id, **late)).detail == "expired"


async def test_frozen_delivery_about_a_call_can_be_neither_skipped_nor_sent_now(planned):
    await planned.frozen()

    skipped = await planned.ledger.planned_deliveries.skip(planned.id, **about_call(planned, reason=""))
    sent = await planned.ledger.planned_deliveries.send_now(planned.id, **about_call(planned, ignores_gap=False))

    assert (skipped.answer, sent.answer) == ("sending", "sending")


async def test_delivery_about_a_call_is_not_sent_now_while_its_contact_is_paused(planned):
    await pause(planned.ledger, planned.contact, planned.now_ms)

    sent = await planned.ledger.planned_deliveries.send_now(planned.id, **about_call(planned, ignores_gap=False))

    assert sent.answer == "paused"
