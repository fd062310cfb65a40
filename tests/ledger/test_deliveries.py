"""The guarantees of claim, freeze, settle and replay for deliveries of every kind."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.feedback import FeedbackKind
from common.ledger import keys
from common.ledger.codec import Settled
from common.ledger.deliveries import ClaimRefused
from common.ledger.ledger import Ledger
from tests.ledger.planned import HOUR_MS, PLAN, Planned, open_circuit, pause
from tests.ledger_reads import timeline_of

LEASE_MS = 60_000


@pytest.fixture
def now_ms(clock) -> int:
    return clock.now_ms()


@pytest.fixture(params=PLAN)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def planned(ledger: Ledger, now_ms: int, kind: str) -> Planned:
    return await PLAN[kind](ledger, now_ms)


async def scheduled(planned: Planned) -> float | None:
    return await planned.ledger.client.zscore(keys.delayed(planned.queue), planned.id)


def sent_once_more(ledger: Ledger) -> None:
    """Make the next claim a repetition of the last one, as after a lost answer."""
    ledger.deliveries._calls -= 1


async def test_claim_names_its_contact_and_address(planned, now_ms):
    claim = await planned.claimed()

    assert (claim.id, claim.contact_id, claim.address) == (planned.id, planned.contact, planned.address)
    assert (claim.due_ms, claim.attempts, claim.first_attempt_ms, claim.payload) == (now_ms, 0, None, None)


async def test_unplanned_delivery_cannot_be_claimed(ledger, planned, now_ms):
    unplanned = planned.id.replace("24h", "48h").replace("step-1", "step-3").replace("missed", "another")

    assert await ledger.deliveries.claim(unplanned, worker="w1", now_ms=now_ms) == ClaimRefused("unknown")


# repeated claims, and pauses, circuits and exits that begin after a claim


async def test_claim_repeated_after_a_lost_answer_is_the_same_claim(ledger, planned):
    first = await planned.claimed()
    sent_once_more(ledger)
    again = await planned.claimed()

    assert (again.fence, again.outcome_unknown) == (first.fence, False)


@pytest.mark.parametrize("what", ["everybody is paused", "the contact is paused", "the circuit opens"])
async def test_pause_or_open_circuit_after_a_claim_keeps_the_claim_and_stops_its_freeze(ledger, planned, now_ms, what):
    claim = await planned.claimed()
    if what == "the circuit opens":
        await open_circuit(ledger, now_ms, planned.provider)
    else:
        await pause(ledger, planned.contact if what == "the contact is paused" else None, now_ms)

    sent_once_more(ledger)
    assert (await planned.claimed()).fence == claim.fence
    assert (await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)).reason == "held"


async def test_pause_of_another_contact_stops_nothing(ledger, planned, now_ms):
    claim = await planned.claimed()
    await pause(ledger, "enr_somebodyelse", now_ms)

    assert await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms) == 1


async def test_freeze_refuses_a_delivery_that_was_ended_after_its_claim(ledger, planned, now_ms):
    claim = await planned.claimed()
    await planned.ends()

    refusal = await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    assert refusal == ClaimRefused("exited", planned.exit_reason)


async def test_claim_and_freeze_refuse_an_address_suppressed_by_another_campaign(ledger, planned, now_ms):
    claim = await planned.claimed()
    hashed = ledger.store.address_hash(planned.address)
    await ledger.client.hset(keys.SUPPRESSED, hashed, f"complained {now_ms}")

    refusal = ClaimRefused("exited", "complained")
    assert await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms) == refusal
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    assert await ledger.deliveries.claim(planned.id, worker="w2", now_ms=now_ms) == refusal
    assert (await planned.record()).status is DeliveryStatus.SKIPPED


async def test_retry_that_is_due_later_keeps_its_time_during_a_pause(ledger, planned, now_ms):
    later_ms = now_ms + 2 * HOUR_MS
    await ledger.deliveries.settle(await planned.claimed(), "retry", "503", now_ms=now_ms, due_ms=later_ms)
    await pause(ledger, None, now_ms)

    refusal = ClaimRefused("held", "paused", later_ms)
    assert await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms) == refusal
    await ledger.pauses.finish(None, now_ms=now_ms)
    refusal = ClaimRefused("not yet", "", later_ms)
    assert await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms) == refusal
    assert await ledger.client.zscore(keys.OPEN, planned.id) == await scheduled(planned) == later_ms


async def test_worker_of_another_campaign_leaves_the_delivery_alone(store, ledger, planned, cadence, now_ms):
    other = Ledger(store, campaign="spring_2026", cadence=cadence, secret_key="s" * 32)

    refused = await other.deliveries.claim(planned.id, worker="w1", now_ms=now_ms)

    assert (refused.reason, refused.until_ms) == ("held", now_ms + 600_000)
    assert await scheduled(planned) == now_ms + 600_000
    await planned.claimed()


# leases and crashes


async def test_delivery_claimed_by_a_live_worker_is_refused_to_others_until_its_lease_ends(ledger, planned, now_ms):
    await planned.claimed()

    refused = await ledger.deliveries.claim(planned.id, worker="w2", now_ms=now_ms + LEASE_MS - 1)
    assert refused == ClaimRefused("in hand", "w1#1")
    assert (await planned.claimed(worker="w2", at_ms=now_ms + LEASE_MS)).fence == 2


async def test_a_lease_that_is_renewed_lasts_longer(ledger, planned, now_ms):
    claim = await planned.claimed()
    assert await ledger.deliveries.renew_lease(claim, now_ms=now_ms + LEASE_MS)

    refused = await ledger.deliveries.claim(planned.id, worker="w2", now_ms=now_ms + LEASE_MS + 1)
    assert refused.reason == "in hand"
    assert await ledger.client.zscore(keys.OPEN, planned.id) == now_ms + 2 * LEASE_MS


async def test_lost_claim_can_neither_be_renewed_nor_frozen_nor_settled(ledger, planned, now_ms):
    lost = await planned.claimed()
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    await planned.claimed(worker="w2")

    assert not await ledger.deliveries.renew_lease(lost, now_ms=now_ms)
    assert await ledger.deliveries.freeze(lost, "mail", now_ms=now_ms) == ClaimRefused("lost")
    assert await ledger.deliveries.settle(lost, "accepted", "re_1", now_ms=now_ms) is None
    assert (await planned.record()).status is DeliveryStatus.PLANNED


@pytest.mark.parametrize("frozen_by", [{"a"}, {"c"}, set()])
async def test_delivery_that_killed_three_workers_says_whether_it_may_have_been_accepted(
    ledger, planned, now_ms, frozen_by
):
    await planned.crashes("a", "b", "c", frozen_by=frozenset(frozen_by))

    answer = await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms)

    may = "; it may have been accepted nevertheless" if frozen_by else ""
    assert answer == ClaimRefused("dead", f"killed its worker 3 times{may}")
    assert ("outcome_unknown" in await planned.fields) is bool(frozen_by)
    assert (await planned.record()).status is DeliveryStatus.DEAD
    assert await ledger.client.zscore(keys.OPEN, planned.id) is None


async def test_crash_is_counted_once_however_long_its_delivery_waits_afterwards(ledger, planned, now_ms):
    await planned.crashes("a")
    await open_circuit(ledger, now_ms, planned.provider)

    for _ in range(5):
        assert (await ledger.deliveries.claim(planned.id, worker="w2", now_ms=now_ms)).reason in ("held", "not yet")

    await planned.claimed(worker="w2", at_ms=now_ms + 60_000)


async def test_settled_attempt_resets_the_count_of_crashes(ledger, planned, now_ms):
    await planned.crashes("a", "b")
    await ledger.deliveries.settle(await planned.claimed(), "retry", "503", now_ms=now_ms, due_ms=now_ms)
    await planned.crashes("c")

    await planned.claimed()


async def test_deliveries_claimed_at_two_crashes_are_tried_one_at_a_time(ledger, kind, now_ms):
    mallory, boris = [await PLAN[kind](ledger, now_ms, name) for name in ("mallory", "boris")]
    for worker in ("a", "b"):
        for each in (mallory, boris):
            await each.crashes(worker)
    await mallory.claimed()

    refusal = ClaimRefused("not yet", "", now_ms + 1_000)
    assert await ledger.deliveries.claim(boris.id, worker="w1", now_ms=now_ms) == refusal
    assert await scheduled(boris) == now_ms + 1_000
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    await boris.claimed(worker="w2", at_ms=now_ms + 1_000)


@pytest.mark.parametrize("frozen", [True, False])
async def test_stalled_worker_neither_sends_nor_settles_a_dead_letter(ledger, planned, now_ms, frozen):
    await planned.crashes("a", "b")
    stopped = await (planned.frozen if frozen else planned.claimed)(worker="w2")
    await ledger.client.zrem(keys.HEARTBEATS, "w2")
    assert (await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms)).reason == "dead"

    assert await ledger.deliveries.freeze(stopped, "mail", now_ms=now_ms) == ClaimRefused("lost")
    assert await ledger.deliveries.settle(stopped, "accepted", "re_1", now_ms=now_ms) is None

    assert (await planned.record()).status is DeliveryStatus.DEAD
    assert await ledger.client.zscore(keys.DEAD, planned.id) == now_ms


@pytest.mark.parametrize("frozen_by", [{"a"}, {"b"}, set()])
async def test_skipped_delivery_says_whether_an_earlier_attempt_has_an_unknown_outcome(
    ledger, planned, now_ms, frozen_by
):
    await planned.crashes("a", "b", frozen_by=frozenset(frozen_by))
    await planned.ends()

    answer = await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms)

    assert answer == ClaimRefused("exited", planned.exit_reason)
    record = await planned.record()
    unknown = ", while the outcome of an earlier attempt was unknown" if frozen_by else ""
    assert (record.status, record.detail) == (DeliveryStatus.SKIPPED, planned.exit_reason + unknown)
    assert await planned.fields == {}
    assert await ledger.client.exists(keys.OPEN, keys.delayed(planned.queue)) == 0


# an open circuit


async def test_delivery_waits_for_an_open_circuit_and_becomes_its_probe(ledger, planned, now_ms):
    await open_circuit(ledger, now_ms, planned.provider)

    refusal = ClaimRefused("held", "invalid_api_key", now_ms + 2_000)
    assert await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms) == refusal
    assert await scheduled(planned) == now_ms + 2_000
    await planned.claimed(at_ms=now_ms + 2_000)


async def test_other_deliveries_wait_while_one_probes_the_circuit(ledger, kind, now_ms):
    probe, other = [await PLAN[kind](ledger, now_ms, name) for name in ("ada", "boris")]
    await open_circuit(ledger, now_ms, probe.provider)
    await probe.claimed(at_ms=now_ms + 1_000)

    refused = await ledger.deliveries.claim(other.id, worker="w1", now_ms=now_ms + 1_000)
    assert refused == ClaimRefused("held", "invalid_api_key", now_ms + 2_000)
    await other.claimed(at_ms=now_ms + 16_000)


async def test_acceptance_clears_the_delivery_and_closes_the_circuit(ledger, planned, now_ms):
    await open_circuit(ledger, now_ms, planned.provider)
    claim = await planned.frozen(at_ms=now_ms + 1_000)

    settled = await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms + 1_000)

    assert settled == Settled(circuit_open_since_ms=now_ms)
    assert await planned.fields == {}
    assert await ledger.client.zscore(keys.OPEN, planned.id) is None
    record = await planned.record()
    assert (record.status, record.sent_ms, record.detail) == (DeliveryStatus.ACCEPTED, now_ms + 1_000, "re_1")
    assert await ledger.client.hget(keys.COUNTS, "delivery:accepted") == b"1"
    assert await ledger.client.exists(keys.circuit(planned.provider), keys.QUEUE.probing()) == 0


async def test_acceptance_found_in_a_list_of_the_provider_does_not_close_the_circuit(ledger, planned, now_ms):
    claim = await planned.frozen()
    await open_circuit(ledger, now_ms, planned.provider)

    settled = await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms + 9, sent_ms=now_ms + 5)

    assert settled == Settled(None)
    assert (await planned.record()).sent_ms == now_ms + 5
    assert await ledger.client.exists(keys.circuit(planned.provider)) == 1


# settle


async def test_first_payload_and_time_of_the_first_attempt_stay(ledger, planned, now_ms):
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, "retry", "timeout", now_ms=now_ms, due_ms=now_ms + 5, outcome_unknown=True)
    again = await planned.claimed(at_ms=now_ms + 5)

    assert (again.payload, again.first_attempt_ms, again.outcome_unknown) == ("mail", now_ms, True)
    assert await ledger.deliveries.freeze(again, "other bytes", now_ms=now_ms + 5) == 2
    fields = await planned.fields
    assert (fields["payload"], fields["first_attempt_ms"]) == ("mail", str(now_ms))


async def test_attempt_that_never_left_the_worker_is_not_counted(ledger, planned, now_ms):
    claim = await planned.frozen()

    await ledger.deliveries.settle(claim, "defer", "429", now_ms=now_ms, due_ms=now_ms)

    again = await planned.claimed()
    assert (again.attempts, again.failures, again.outcome_unknown) == (0, 0, False)


async def test_uncounted_attempt_with_an_unknown_outcome_can_be_noted_as_unaccepted(ledger, planned, now_ms):
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, "defer", "reset", now_ms=now_ms, due_ms=now_ms, outcome_unknown=True)

    again = await planned.claimed()
    assert (again.attempts, again.failures, again.outcome_unknown) == (1, 0, True)
    assert await ledger.deliveries.note_unaccepted(again)
    assert {"outcome_unknown", "first_attempt_ms", "probed"}.isdisjoint(await planned.fields)


async def test_worker_with_a_lost_claim_cannot_note_an_attempt_as_unaccepted(ledger, planned, now_ms):
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, "defer", "reset", now_ms=now_ms, due_ms=now_ms, outcome_unknown=True)
    lost = await planned.claimed()
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    await planned.claimed(worker="w2")

    assert not await ledger.deliveries.note_unaccepted(lost)
    assert (await planned.fields)["outcome_unknown"] == "1"


async def test_attempt_followed_by_an_idempotency_conflict_cannot_be_noted_as_unaccepted(ledger, planned, now_ms):
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, "defer", "reset", now_ms=now_ms, due_ms=now_ms, outcome_unknown=True)
    again = await planned.claimed()
    await ledger.deliveries.note_conflict(again, since_ms=now_ms - 24 * HOUR_MS, now_ms=now_ms)

    assert not await ledger.deliveries.note_unaccepted(again)


async def test_replay_has_all_its_attempts_again(ledger, planned, now_ms):
    for outcome in ("retry", "retry", "dead"):
        claim = await planned.frozen()
        await ledger.deliveries.settle(claim, outcome, "timeout", now_ms=now_ms, due_ms=now_ms)
    await ledger.dead_letters.replay(planned.id, now_ms=now_ms, way="fresh")

    assert (claim.failures, (await planned.claimed()).failures) == (2, 0)


@pytest.mark.parametrize(("outcome", "unknown"), [("defer", False), ("retry", True)])
async def test_counted_attempt_or_known_outcome_cannot_be_noted_as_unaccepted(
    ledger, planned, now_ms, outcome, unknown
):
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, outcome, "503", now_ms=now_ms, due_ms=now_ms, outcome_unknown=unknown)

    assert not await ledger.deliveries.note_unaccepted(await planned.claimed())


async def test_timeline_shows_equal_uncounted_failures_once_and_each_counted_failure(ledger, planned, now_ms):
    for outcome in ("defer", "defer", "retry", "retry"):
        claim = await planned.frozen()
        await ledger.deliveries.settle(claim, outcome, "timeout", now_ms=now_ms, due_ms=now_ms, outcome_unknown=True)

    assert await ledger.client.llen(keys.timeline(planned.contact)) == 3
    assert await ledger.client.zscore(keys.OPEN, planned.id) == now_ms


@pytest.mark.parametrize("outcome", ["accepted", "dead", "skipped"])
async def test_ended_delivery_is_not_scheduled_and_cannot_be_claimed_again(ledger, planned, now_ms, outcome):
    claim = await planned.frozen()
    await ledger.client.zadd(keys.delayed(planned.queue), {planned.id: now_ms})  # As the sweeper may do.

    await ledger.deliveries.settle(claim, outcome, "test_mode", now_ms=now_ms)

    assert (await planned.record()).detail == "test_mode"
    assert await scheduled(planned) is None
    assert await ledger.client.zscore(keys.OPEN, planned.id) is None
    refused = await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms)
    assert refused == ClaimRefused("already", outcome)


async def test_idempotency_conflict_makes_the_outcome_unknown_since_a_day_before(ledger, planned, now_ms):
    claim = await planned.frozen()

    assert await ledger.deliveries.note_conflict(claim, since_ms=now_ms - 24 * HOUR_MS, now_ms=now_ms)
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    again = await planned.claimed(worker="w2")

    assert (again.outcome_unknown, again.first_attempt_ms) == (True, now_ms - 24 * HOUR_MS)
    assert not await ledger.deliveries.note_unaccepted(again)
    assert not await ledger.deliveries.note_conflict(claim, since_ms=now_ms, now_ms=now_ms)


# webhooks that arrive before the provider's answer


async def test_answer_of_the_provider_is_recorded_also_after_its_webhook(ledger, planned, now_ms):
    await open_circuit(ledger, now_ms - 1_000, planned.provider)
    claim = await planned.frozen()
    await planned.reported(FeedbackKind.SENT)
    lines = await ledger.client.llen(keys.timeline(planned.contact))

    settled = await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms + 600)

    assert settled == Settled(circuit_open_since_ms=now_ms - 1_000)
    record = await planned.record()
    assert (record.status, record.sent_ms, record.detail) == (DeliveryStatus.ACCEPTED, now_ms + 600, "re_1")
    assert await ledger.client.llen(keys.timeline(planned.contact)) == lines


@pytest.mark.parametrize("outcome", ["retry", "defer", "dead", "skipped"])
@pytest.mark.parametrize("reported", [FeedbackKind.SENT, FeedbackKind.DELIVERED])
async def test_delivery_reported_while_claimed_is_accepted_whatever_its_worker_settles(
    ledger, planned, now_ms, outcome, reported
):
    claim = await planned.frozen()
    await planned.reported(reported)

    due_ms = now_ms + 60_000
    answer = await ledger.deliveries.settle(
        claim, outcome, "why", now_ms=now_ms + 600, due_ms=due_ms, outcome_unknown=True
    )

    assert answer == Settled(None, is_reported=True)
    record = await planned.record()
    final_status = DeliveryStatus.DELIVERED if reported is FeedbackKind.DELIVERED else DeliveryStatus.ACCEPTED
    assert (record.status, record.sent_ms, record.detail) == (final_status, now_ms + 400, "re_reported")
    assert await scheduled(planned) is None
    assert await ledger.client.zcard(keys.DEAD) == 0


@pytest.mark.parametrize("ended", [False, True], ids=["at the third crash", "after its end"])
async def test_reported_delivery_is_accepted_although_its_workers_died_before_settling(ledger, planned, now_ms, ended):
    await planned.crashes("a", "b", frozen_by=frozenset("ab"))
    await ledger.client.zadd(keys.HEARTBEATS, {"c": 9e15})
    await planned.frozen(worker="c")
    await planned.reported(FeedbackKind.SENT)
    await ledger.client.zrem(keys.HEARTBEATS, "c")
    if ended:
        await planned.ends()

    answer = await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms + 1_000)

    assert answer == ClaimRefused("already", "accepted")
    record = await planned.record()
    assert (record.status, record.sent_ms, record.attempts) == (DeliveryStatus.ACCEPTED, now_ms + 400, 3)
    assert await ledger.client.zcard(keys.DEAD) == 0
    reported = [entry.detail for entry in await timeline_of(ledger, planned.contact)]
    assert f"{planned.label}: reported by the provider" in reported


async def test_a_reported_delivery_is_tried_again_until_its_last_crash(ledger, planned, now_ms):
    await planned.crashes("a")
    await ledger.client.zadd(keys.HEARTBEATS, {"b": 9e15})
    await planned.frozen(worker="b")
    await planned.reported(FeedbackKind.SENT)
    await ledger.client.zrem(keys.HEARTBEATS, "b")

    await planned.claimed(at_ms=now_ms + 1_000)


async def test_reported_delivery_of_a_dead_worker_is_claimed_again_with_the_same_payload(planned, ledger, now_ms):
    await planned.frozen()
    await planned.reported(FeedbackKind.SENT)
    await ledger.client.zrem(keys.HEARTBEATS, "w1")

    assert (await planned.claimed(worker="w2", at_ms=now_ms + 1_000)).payload == "mail"


@pytest.mark.parametrize("before", ["waits", "is a dead letter", "was skipped"])
async def test_unclaimed_delivery_is_accepted_as_soon_as_it_is_reported(ledger, planned, now_ms, before):
    claim = await planned.frozen()
    outcome = {"waits": "retry", "is a dead letter": "dead", "was skipped": "skipped"}[before]
    due_ms = now_ms + 60_000 if outcome == "retry" else None
    await ledger.deliveries.settle(claim, outcome, "why", now_ms=now_ms, due_ms=due_ms, outcome_unknown=True)

    await planned.reported(FeedbackKind.DELIVERED)

    record = await planned.record()
    assert (record.status, record.sent_ms, record.detail) == (
        DeliveryStatus.DELIVERED,
        now_ms + 400,
        "re_reported",
    )
    assert await ledger.client.zscore(keys.DEAD, planned.id) is await scheduled(planned) is None
    assert await planned.fields == {}
    counted = await ledger.store.read_hash(keys.COUNTS)
    assert {name: n for name, n in counted.items() if name.startswith("delivery:") and n != "0"} == {
        "delivery:delivered": "1"
    }


# dead letters


@pytest.mark.parametrize(
    ("way", "kept"),
    [
        ("fresh", set()),
        ("same", {"payload", "first_attempt_ms", "outcome_unknown"}),
        ("again", {"payload"}),
    ],
)
async def test_dead_letter_is_replayed_immediately_and_only_once(ledger, planned, now_ms, way, kept):
    await planned.dies()
    letters = ledger.dead_letters

    assert not await letters.replay(planned.id, way=way, now_ms=now_ms, dead_since_ms=now_ms - 5)
    assert await letters.replay(planned.id, way=way, now_ms=now_ms + 7, dead_since_ms=now_ms)
    assert not await letters.replay(planned.id, way=way, now_ms=now_ms + 7)

    assert {"payload", "first_attempt_ms", "outcome_unknown"} & (await planned.fields).keys() == kept
    assert await scheduled(planned) == await ledger.client.zscore(keys.OPEN, planned.id) == now_ms + 7
    assert await ledger.client.hget(keys.COUNTS, "delivery:dead") == b"0"
    claim = await planned.claimed(at_ms=now_ms + 7)
    assert (claim.failures, claim.due_ms) == (0, now_ms)


@pytest.mark.parametrize(("way", "is_forgotten"), [("fresh", True), ("again", True), ("same", False)])
async def test_replay_as_if_never_tried_forgets_earlier_probes_and_conflicts(
    ledger, planned, now_ms, way, is_forgotten
):
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, "defer", "reset", now_ms=now_ms, due_ms=now_ms, outcome_unknown=True)
    claim = await planned.frozen()
    await ledger.deliveries.note_conflict(claim, since_ms=now_ms, now_ms=now_ms)
    await ledger.deliveries.settle(claim, "dead", "because", now_ms=now_ms)

    await ledger.dead_letters.replay(planned.id, way=way, now_ms=now_ms)

    assert {"probed", "key_conflict"}.isdisjoint(await planned.fields) is is_forgotten
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, "defer", "reset", now_ms=now_ms, due_ms=now_ms, outcome_unknown=True)
    assert await ledger.deliveries.note_unaccepted(await planned.claimed()) is is_forgotten


async def test_a_dead_letter_is_found_accepted_or_discarded_once(ledger, planned, now_ms):
    assert not await ledger.dead_letters.discard(planned.id, dead_since_ms=now_ms, now_ms=now_ms)
    await planned.dies()

    found = {"sent_ms": now_ms + 9, "now_ms": now_ms + 60}
    assert not await ledger.dead_letters.accept(planned.id, "re_1", dead_since_ms=now_ms - 5, **found)
    assert await ledger.dead_letters.accept(planned.id, "re_1", dead_since_ms=now_ms, **found)
    assert not await ledger.dead_letters.discard(planned.id, dead_since_ms=now_ms, now_ms=now_ms)

    record = await planned.record()
    assert (record.status, record.sent_ms, record.detail) == (DeliveryStatus.ACCEPTED, now_ms + 9, "re_1")
    assert await planned.fields == {}
    assert await ledger.client.zcard(keys.DEAD) == 0


async def test_a_discarded_letter_stays_dead_with_its_reason(ledger, planned, now_ms):
    await planned.dies()

    assert not await ledger.dead_letters.discard(planned.id, dead_since_ms=now_ms - 5, now_ms=now_ms)
    assert await ledger.dead_letters.discard(planned.id, dead_since_ms=now_ms, now_ms=now_ms)

    record = await planned.record()
    assert (record.status, record.detail) == (DeliveryStatus.DEAD, "because")
    assert await planned.fields == {}
    assert await ledger.client.zcard(keys.DEAD) == 0
    assert ("discarded", planned.label) in [
        (entry.what, entry.detail) for entry in await timeline_of(ledger, planned.contact)
    ]


async def test_replay_is_requested_and_refused_only_for_the_dead_letter_that_was_read(ledger, planned, now_ms):
    await planned.dies()
    letters = ledger.dead_letters

    assert not await letters.request_replay(planned.id, dead_since_ms=now_ms - 5, now_ms=now_ms)
    assert not await letters.refuse_replay(planned.id, "no", dead_since_ms=now_ms - 5, now_ms=now_ms)
    assert await letters.request_replay(planned.id, dead_since_ms=now_ms, now_ms=now_ms)
    assert await ledger.client.zscore(keys.delayed("replay"), planned.id) == now_ms
    assert (await letters.get(planned.id)).replay_requested_ms == now_ms
    assert await letters.refuse_replay(planned.id, "no", dead_since_ms=now_ms, now_ms=now_ms)

    letter = await letters.get(planned.id)
    assert (letter.replay_requested_ms, letter.replay_refused) == (None, "no")
    assert ("not replayed", f"{planned.label}: no") in [
        (entry.what, entry.detail) for entry in await timeline_of(ledger, planned.contact)
    ]


async def test_dead_letter_has_its_contact_and_attempt(ledger, planned, now_ms):
    await planned.dies()

    (letter,) = [each async for each in ledger.dead_letters.all()]
    assert await ledger.dead_letters.newest(first=0, number=5) == (replace(letter, payload=None),)
    assert (letter.id, letter.contact_id, letter.address) == (planned.id, planned.contact, planned.address)
    assert (letter.dead_since_ms, letter.reason, letter.attempts) == (now_ms, "because", 1)
    assert (letter.first_attempt_ms, letter.outcome_unknown, letter.payload) == (now_ms, True, "mail")


# the sweeper, and the right to be forgotten


async def test_due_delivery_missing_from_the_queue_is_scheduled_again(ledger, planned, now_ms):
    await ledger.deliveries.settle(await planned.claimed(), "retry", "503", now_ms=now_ms, due_ms=now_ms + HOUR_MS)
    await ledger.client.delete(keys.delayed(planned.queue))

    _, rescheduled = await ledger.schedule.sweep("0", now_ms=now_ms + HOUR_MS + 20_000)

    assert planned.id in rescheduled
    assert await scheduled(planned) == now_ms + HOUR_MS + 20_000


async def test_forgetting_a_contact_leaves_none_of_their_deliveries(ledger, planned, kind, now_ms):
    await planned.dies()
    other = await PLAN[kind](ledger, now_ms, "boris")

    traces = await ledger.contacts.find_traces(planned.address)
    assert traces.waiting >= 1  # The dead letter; a step's contact has the next step, too.
    await ledger.contacts.forget(traces, now_ms=now_ms)

    assert await planned.fields == {}
    assert await ledger.client.zcard(keys.DEAD) == 0
    assert await ledger.deliveries.claim(planned.id, worker="w1", now_ms=now_ms) == ClaimRefused("unknown")
    assert {name for name, n in (await ledger.store.read_hash(keys.COUNTS)).items() if n != "0"} <= {"active"}
    await other.claimed()


# concurrent claims and repeated calls


async def test_one_of_many_concurrent_claims_is_granted(ledger, planned, now_ms):
    claims = await asyncio.gather(
        *(ledger.deliveries.claim(planned.id, worker=f"w{1 + n % 2}", now_ms=now_ms) for n in range(20))
    )

    assert sorted(getattr(claim, "reason", "granted") for claim in claims) == ["granted"] + ["in hand"] * 19


async def test_a_dead_workers_claim_is_taken_over_with_the_same_payload(ledger, planned, now_ms):
    lost = await planned.frozen()
    await ledger.client.zrem(keys.HEARTBEATS, "w1")

    again = await planned.claimed(worker="w2")

    assert (again.payload, again.attempts, again.outcome_unknown) == ("mail", 1, True)
    await ledger.deliveries.freeze(again, "mail", now_ms=now_ms)
    assert await ledger.deliveries.settle(lost, "dead", "late", now_ms=now_ms) is None
    assert await ledger.deliveries.settle(again, "accepted", "re_1", now_ms=now_ms) == Settled(None)
    assert (await planned.record()).attempts == 2


async def test_freeze_repeated_after_a_lost_answer_counts_one_attempt(ledger, planned, now_ms):
    claim = await planned.claimed()
    times = (now_ms, now_ms, now_ms + 1)

    attempts = [await ledger.deliveries.freeze(claim, "mail", now_ms=at_ms, number=planned.number) for at_ms in times]

    assert attempts == [1, 1, 1]
    fields = await planned.fields
    assert (fields["attempts"], fields["attempted_ms"], fields["payload"]) == ("1", str(now_ms), "mail")


async def test_failed_attempt_that_is_settled_twice_counts_once(ledger, planned, now_ms):
    claim = await planned.frozen()

    for _ in range(2):
        settled = await ledger.deliveries.settle(
            claim, "retry", "timeout", now_ms=now_ms, due_ms=now_ms + 1_000, outcome_unknown=True
        )
        assert settled is not None

    assert (await planned.fields)["failures"] == "1"
    assert await ledger.client.llen(keys.timeline(planned.contact)) == 1


@pytest.mark.parametrize("reported", [None, FeedbackKind.DELIVERED], ids=["", "delivered meanwhile"])
async def test_acceptance_settled_again_after_a_lost_answer_is_settled(ledger, planned, now_ms, reported):
    claim = await planned.frozen()
    first = await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)
    if reported:
        await planned.reported(reported)
    before = await planned.record()

    again = await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)

    assert (first, again) == (Settled(None), Settled(None))
    assert await planned.record() == before


@pytest.mark.parametrize(("outcome", "detail"), [("accepted", "re_2"), ("skipped", "re_1"), ("dead", "re_1")])
async def test_accepted_delivery_cannot_be_settled_otherwise(ledger, planned, now_ms, outcome, detail):
    claim = await planned.frozen()
    await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)
    before = await planned.record()

    assert await ledger.deliveries.settle(claim, outcome, detail, now_ms=now_ms) is None
    assert await planned.record() == before


async def test_forgotten_delivery_cannot_be_settled(ledger, planned, now_ms):
    claim = await planned.frozen()
    await ledger.contacts.forget(await ledger.contacts.find_traces(planned.address), now_ms=now_ms)

    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms) is None


async def test_delivery_ended_while_an_unknown_attempt_is_repeated_is_skipped_and_says_so(ledger, planned, now_ms):
    await planned.frozen()
    await ledger.client.zrem(keys.HEARTBEATS, "w1")
    again = await planned.claimed(worker="w2")
    await planned.ends()
    refusal = await ledger.deliveries.freeze(again, "mail", now_ms=now_ms)

    await ledger.deliveries.settle(again, "skipped", refusal.detail, now_ms=now_ms)

    unknown = f"{planned.exit_reason}, while the outcome of an earlier attempt was unknown"
    assert (await planned.record()).detail == unknown


async def test_mail_frozen_before_its_delivery_was_ended_is_settled_by_its_worker(ledger, planned, now_ms):
    claim = await planned.frozen()
    await planned.ends()

    assert (await ledger.deliveries.claim(planned.id, worker="w2", now_ms=now_ms)).reason == "in hand"
    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms) is not None
    assert (await planned.record()).status is DeliveryStatus.ACCEPTED
