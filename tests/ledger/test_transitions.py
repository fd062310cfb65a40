"""The guarantee of each script, on a real store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason, Status
from common.domain.ids import DeliveryId, enrollment_id, step_delivery_id
from common.domain.projection import CampaignColumns, sequence_row
from common.domain.retry import UNKNOWN_OUTCOME_WAIT_MAX_MS
from common.ledger import keys
from common.ledger.circuits import CircuitOpen
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from common.ledger.reads.contact_timeline import read_field_notes

CHRISTMAS = CampaignColumns(name="Christmas 2025")
HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")


def step(number: int) -> DeliveryId:
    return step_delivery_id(ADA, number)


async def enrolled(ledger: Ledger, person: Assessment, now_ms: int) -> None:
    await ledger.signups.accept(person, webhook_id="signup:1", received_ms=now_ms)
    known = await ledger.enrollments.get(enrollment_id(ledger.campaign, person.email))
    assert known
    await ledger.signups.enroll(known, now_ms=now_ms, announce=False)


async def go(ledger: Ledger, number: int, now_ms: int, worker: str = "w1") -> ClaimGranted:
    claim = await ledger.deliveries.claim(step(number), worker=worker, now_ms=now_ms)
    assert isinstance(claim, ClaimGranted), claim
    return claim


async def send(ledger: Ledger, number: int, now_ms: int) -> None:
    claim = await go(ledger, number, now_ms)
    await ledger.deliveries.freeze(claim, f"mail {number}", now_ms=now_ms)
    assert await ledger.deliveries.settle(claim, "accepted", f"re_{number}", now_ms=now_ms)


async def test_sixty_concurrent_signups_of_one_contact_make_one_enrollment(ledger, ada, clock):
    answers = await asyncio.gather(
        *(ledger.signups.accept(ada, webhook_id=f"signup:{n}", received_ms=clock.now_ms()) for n in range(60))
    )

    assert [a.answer for a in answers].count("accepted") == 1
    assert len({a.enrollment_id for a in answers}) == 1
    assert await ledger.client.zcard(keys.UNDER_WAY) == 1


async def test_repeated_webhook_id_gets_its_first_answer(ledger, ada, clock):
    first = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    other = replace(ada, email="boris@example.org", red_systems=0)
    again = await ledger.signups.accept(other, webhook_id="signup:1", received_ms=clock.now_ms() + 5)

    assert replace(first, repeated=True) == again
    assert await ledger.enrollments.get(enrollment_id("christmas_2025", "boris@example.org")) is None


async def test_newest_assessment_decides_also_when_an_older_one_arrives_late(ledger, ada, clock):
    now = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now)
    better = replace(ada, red_systems=0, orange_systems=0, gps_score=None, assessment_score=90)
    await ledger.signups.accept(better, webhook_id="signup:2", received_ms=now + 10)
    await ledger.signups.accept(ada, webhook_id="signup:3", received_ms=now + 5)

    known = await ledger.enrollments.get(ADA)
    assert known is not None
    assert known.assessment == better
    assert known.segment == "OPTIMIZE"
    assert known.anchor_ms == now


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["Ann", "Mallory"], "Ann"),
        (["Ann", "", "Mallory"], "Ann"),
        (["", "Ann", "Mallory"], "Ann"),
        (['A"n\\n', "", "Ann"], 'A"n\\n'),
    ],
)
async def test_a_later_signup_fills_a_missing_name_and_changes_none(ledger, ada, clock, names, shown):
    for number, name in enumerate(names):
        later = replace(ada, first_name=name, assessment_score=50 + number)
        await ledger.signups.accept(later, webhook_id=f"signup:{number}", received_ms=clock.now_ms() + number)

    assert (await ledger.enrollments.get(ADA)).assessment == replace(later, first_name=shown)


async def test_late_signup_fills_a_missing_name_too(ledger, ada, clock):
    now_ms, unnamed = clock.now_ms(), replace(ada, first_name="", assessment_score=77)
    await ledger.signups.accept(unnamed, webhook_id="signup:2", received_ms=now_ms + 10)
    before = await ledger.enrollments.get(ADA)
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)

    known = await ledger.enrollments.get(ADA)
    assert known.assessment == replace(unnamed, first_name="Ada")
    assert known.revision == before.revision + 1, "Notion shows it"


async def test_rejected_name_of_a_later_signup_is_on_the_timeline(ledger, ada, clock):
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    other = replace(ada, first_name="Mallory")
    await ledger.signups.accept(other, webhook_id="signup:2", received_ms=clock.now_ms() + 1)

    [note] = [note async for note in read_field_notes(ledger, ADA)]
    assert (note.field, note.what, note.kept) == (
        "first_name",
        "was not changed: a later signup gave another one",
        "Ada",
    )


async def test_answer_given_from_the_spool_stays_the_answer_of_its_webhook_id(ledger, ada, clock):
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    spooled = await ledger.signups.accept(
        ada, webhook_id="signup:2", received_ms=clock.now_ms() + 1, answer="accepted", answered_id=ADA
    )

    assert spooled.answer == "accepted"


async def test_answer_from_the_spool_replaces_a_stored_answer_that_was_never_received(ledger, ada, clock):
    now = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now)
    unheard = await ledger.signups.accept(ada, webhook_id="signup:2", received_ms=now)
    await ledger.signups.accept(ada, webhook_id="signup:2", received_ms=now, answer="accepted", answered_id=ADA)
    again = await ledger.signups.accept(ada, webhook_id="signup:2", received_ms=now)

    assert (unheard.answer, again.answer) == ("duplicate", "accepted")


async def test_the_first_step_is_due_at_once_and_the_next_one_is_planned_by_the_first_claim(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    assert await ledger.client.zscore(keys.delayed("send"), step(1)) == now

    await go(ledger, 1, now)

    known = await ledger.enrollments.get(ADA)
    assert (known.next_step, known.next_due_ms) == (2, now + 24 * HOUR_MS)
    assert await ledger.client.zscore(keys.delayed("send"), step(2)) == now + 24 * HOUR_MS


async def test_retry_counts_as_a_failure_and_a_defer_does_not(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await go(ledger, 1, now)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now)
    await ledger.deliveries.settle(claim, "defer", "throttled", now_ms=now, due_ms=now + 1_000)
    assert (await ledger.deliveries.claim(step(1), worker="w1", now_ms=now + 500)).until_ms == now + 1_000

    claim = await go(ledger, 1, now + 1_000)
    assert (claim.attempts, claim.failures, claim.outcome_unknown) == (0, 0, False)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now + 1_000)
    await ledger.deliveries.settle(claim, "retry", "503", now_ms=now + 1_000, due_ms=now + 61_000)

    claim = await go(ledger, 1, now + 61_000)
    assert (claim.attempts, claim.failures, claim.outcome_unknown) == (1, 1, False)


async def test_failing_step_does_not_delay_the_next_step(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await go(ledger, 1, now)
    await ledger.deliveries.settle(claim, "retry", "503", now_ms=now, due_ms=now + 100 * HOUR_MS)

    await send(ledger, 2, now + 24 * HOUR_MS)


async def test_overdue_nurture_mail_keeps_the_minimum_gap_to_the_next(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    late = now + 70 * HOUR_MS
    await send(ledger, 1, late)

    assert (await ledger.deliveries.claim(step(2), worker="w1", now_ms=late)).until_ms == late + 12 * HOUR_MS
    assert await ledger.client.zscore(keys.delayed("send"), step(2)) == late + 12 * HOUR_MS
    await send(ledger, 2, late + 12 * HOUR_MS)


async def test_claimed_mail_keeps_the_minimum_gap_until_its_attempt_is_known_to_have_failed(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    late = now + 30 * HOUR_MS
    first = await go(ledger, 1, late)
    assert (await ledger.deliveries.claim(step(2), worker="w2", now_ms=late)).until_ms == late + 1_000

    await ledger.deliveries.settle(first, "retry", "503", now_ms=late + 500, due_ms=late + 60_000)
    await go(ledger, 2, late + 1_000, worker="w2")


async def test_unknown_outcome_is_queried_before_its_key_expires_despite_the_minimum_gap(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    first = await go(ledger, 1, now)
    await ledger.deliveries.freeze(first, "mail 1", now_ms=now)
    await ledger.deliveries.settle(first, "retry", "503", now_ms=now, due_ms=now + 21 * HOUR_MS, outcome_unknown=True)
    await ledger.client.hset(keys.enrollment(ADA), "last_sent_ms", now + 20 * HOUR_MS)

    refused = await ledger.deliveries.claim(step(1), worker="w1", now_ms=now + 21 * HOUR_MS)
    assert refused.until_ms == now + UNKNOWN_OUTCOME_WAIT_MAX_MS


async def test_first_frozen_payload_stays_whatever_is_frozen_later(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await go(ledger, 1, now)
    await ledger.deliveries.freeze(claim, "mail 1", now_ms=now)
    await ledger.deliveries.freeze(claim, "another mail", now_ms=now)
    await ledger.deliveries.settle(claim, "retry", "503", now_ms=now, due_ms=now + 60_000, outcome_unknown=True)

    assert (await go(ledger, 1, now + 60_000)).payload == "mail 1"


async def test_once_the_last_step_is_claimed_no_step_is_next_and_none_is_scheduled(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    *before, last = ledger.cadence.steps
    for number in before:
        await send(ledger, number, ledger.cadence.due_ms(anchor_ms=now, step=number))
    at = ledger.cadence.due_ms(anchor_ms=now, step=last)
    await ledger.client.delete(keys.delayed("send"), keys.delayed("send") + ".msgs")  # The job that claims it.
    await go(ledger, last, at)

    assert await ledger.client.hget(keys.enrollment(ADA), "next") is None
    assert await ledger.client.exists(keys.delayed("send")) == 0
    assert await ledger.schedule.sweep("0", now_ms=at + 30_000) == ("0", [])


async def test_contact_who_unsubscribes_gets_no_more_mail_and_has_nothing_scheduled(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await send(ledger, 1, now)
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash("ada@example.org"), now_ms=now)
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash("ada@example.org"), now_ms=now)

    known = await ledger.enrollments.get(ADA)
    assert (known.status, known.exit_reason) == (Status.EXITED, ExitReason.UNSUBSCRIBED)
    assert known.step_status(2) == (DeliveryStatus.SKIPPED, "unsubscribed")
    assert await ledger.client.zcard(keys.delayed("send")) == 0
    assert (await ledger.deliveries.claim(step(2), worker="w1", now_ms=now + 24 * HOUR_MS)).reason == "exited"
    assert await ledger.client.hget(keys.COUNTS, "exited") == b"1"


async def test_contact_who_unsubscribes_while_a_mail_is_rendered_does_not_get_it(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await go(ledger, 1, now)
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash("ada@example.org"), now_ms=now)

    assert await ledger.deliveries.freeze(claim, "mail", now_ms=now) == ClaimRefused("exited", "unsubscribed")


async def test_suppressed_address_gets_no_mail_from_another_campaign(ledger, ada, clock):
    now = clock.now_ms()
    await ledger.client.hset(keys.SUPPRESSED, ledger.store.address_hash("ada@example.org"), f"complained {now}")
    await enrolled(ledger, ada, now)

    assert await ledger.deliveries.claim(step(1), worker="w1", now_ms=now) == ClaimRefused("exited", "complained")
    assert (await ledger.enrollments.get(ADA)).exit_reason == ExitReason.COMPLAINED


async def test_enrollment_completes_after_its_seventh_final_status(ledger, ada, clock, cadence):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    for number in range(1, 8):
        await send(ledger, number, cadence.due_ms(anchor_ms=now, step=number))

    known = await ledger.enrollments.get(ADA)
    assert known.status is Status.COMPLETED
    assert await ledger.client.zcard(keys.delayed("send")) == 0
    assert await ledger.client.zcard(keys.OPEN) == 0
    assert await ledger.client.exists(keys.delivery(step(7))) == 0


async def test_failures_of_three_contacts_open_the_circuit_until_a_probe_succeeds(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    for whose in ("a", "b", "a"):
        assert (
            await ledger.circuits.report_failure("resend", id=whose, reason="503", provider_wide=False, now_ms=now)
            is None
        )
    trouble = await ledger.circuits.report_failure("resend", id="c", reason="503", provider_wide=False, now_ms=now)

    until = now + 1_000
    assert trouble == CircuitOpen(until, "opened")
    assert await ledger.deliveries.claim(step(1), worker="w1", now_ms=now) == ClaimRefused("held", "503", until + 1_000)
    probe = await go(ledger, 1, until)
    again = await ledger.circuits.report_failure("resend", id="a", reason="503", provider_wide=False, now_ms=until)
    assert again == CircuitOpen(until + 2_000, "")
    await ledger.deliveries.settle(probe, "defer", "503", now_ms=until, due_ms=until + 2_000)
    await send(ledger, 1, until + 2_000)
    assert await ledger.circuits.open_until("resend", now_ms=until) is None


async def test_change_made_while_a_contact_is_mirrored_is_shown_next(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    taken = await ledger.mirror.take(worker="w1", now_ms=clock.now_ms())
    assert await ledger.mirror.take(worker="w2", now_ms=clock.now_ms()) is None
    await send(ledger, 1, now)
    assert await ledger.mirror.take(worker="w2", now_ms=clock.now_ms()) is None
    await ledger.mirror.record_shown(taken.person, {"sequence": "page-1"}, worker="w1", now_ms=now)

    again = (await ledger.mirror.take(worker="w2", now_ms=clock.now_ms())).person
    assert again.pages == {"sequence": "page-1"}
    assert 1 in again.records
    await ledger.mirror.record_shown(again, {}, worker="w2", now_ms=now)
    assert await ledger.mirror.take(worker="w2", now_ms=clock.now_ms()) is None
    assert await ledger.client.zcard(keys.CHANGED) == 0


async def test_contact_mirrored_by_a_dead_worker_is_taken_over(ledger, ada, clock):
    await enrolled(ledger, ada, clock.now_ms())
    await ledger.mirror.take(worker="w1", now_ms=clock.now_ms())
    await ledger.client.zrem(keys.HEARTBEATS, "w1")

    assert (await ledger.mirror.take(worker="w2", now_ms=clock.now_ms())).id == ADA


@pytest.mark.parametrize("lost", ["planned", "accepted", "open"])
async def test_sweeper_reschedules_jobs_that_the_queue_lost(ledger, ada, clock, lost):
    now = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now)
    queue, job, later = "classify", ADA, now + 11_000
    if lost != "accepted":
        await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now, announce=False)
        queue, job = "send", step(1)
    if lost == "open":
        await go(ledger, 1, now)
        later = now + 71_000
    await ledger.client.delete(keys.delayed(queue), keys.delayed(queue) + ".msgs")

    _, healed = await ledger.schedule.sweep("0", now_ms=later)

    assert job in healed
    assert await ledger.client.zscore(keys.delayed(queue), job) is not None
    assert not [j for j in (await ledger.schedule.sweep("0", now_ms=later))[1] if j == job]


async def test_sweeper_leaves_scheduled_jobs_alone(ledger, ada, clock: VirtualClock):
    await enrolled(ledger, ada, clock.now_ms())

    assert await ledger.schedule.sweep("0", now_ms=clock.now_ms() + HOUR_MS) == ("0", [])


async def test_dead_letter_can_be_replayed_once(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await go(ledger, 1, now)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now)
    await ledger.deliveries.settle(claim, "dead", "422 invalid `to`", now_ms=now)
    assert (await ledger.enrollments.get(ADA)).step_status(1) == (DeliveryStatus.DEAD, "422 invalid `to`")

    later = now + 366 * 24 * HOUR_MS
    for at in (now + HOUR_MS, later):
        await ledger.schedule.sweep("0", now_ms=at)
        await ledger.schedule.check_waits("0", now_ms=at, gap_ms=12 * HOUR_MS)
    assert {step(1): now} == await ledger.dead_letters.since()
    assert (await ledger.dead_letters.get(step(1))).payload == "mail"
    assert await ledger.client.pttl(keys.delivery(step(1))) == await ledger.client.pttl(keys.DEAD) == -1

    assert await ledger.dead_letters.replay(step(1), now_ms=later, way="same")
    assert not await ledger.dead_letters.replay(step(1), now_ms=later, way="same")
    again = await go(ledger, 1, later)
    assert (again.payload, again.failures) == ("mail", 0)


async def test_exit_after_the_last_mail_is_shown_in_notion_for_a_rebuild(ledger, ada, clock, cadence):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    for number in range(1, 8):
        await send(ledger, number, cadence.due_ms(anchor_ms=now, step=number))
    before = await ledger.enrollments.get(ADA)
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash(ada.email), now_ms=now)

    known = await ledger.enrollments.get(ADA)
    assert (known.status, known.exit_reason) == (Status.COMPLETED, ExitReason.UNSUBSCRIBED)
    assert known.revision == before.revision + 1
    assert sequence_row(known, CHRISTMAS, title="Ada").values["Exit Reason"] == "unsubscribed"


def _weight(reason: ExitReason) -> int:
    """How much a reason forbids: mail of one campaign, all mail, every channel, every channel for ever."""
    return reason.is_suppressing + reason.ends_all_channels + (reason is ExitReason.COMPLAINED)


@pytest.mark.parametrize("second", ExitReason)
@pytest.mark.parametrize("first", ExitReason)
async def test_second_exit_replaces_the_reason_only_when_it_says_more(ledger, ada, clock, first, second):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await ledger.enrollments.exit(ADA, first, address_hash=None, now_ms=now)
    before, lines = await ledger.enrollments.get(ADA), await ledger.client.llen(keys.timeline(ADA))

    assert not await ledger.enrollments.exit(ADA, second, address_hash=None, now_ms=now + 1)

    known, is_replaced = await ledger.enrollments.get(ADA), _weight(second) > _weight(first)
    assert (known.status, known.exit_reason) == (Status.EXITED, second if is_replaced else first)
    assert known.revision == before.revision + is_replaced
    assert await ledger.client.llen(keys.timeline(ADA)) == lines + is_replaced


async def test_worker_settles_a_frozen_mail_also_after_its_contact_left(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await go(ledger, 1, now)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now)
    await ledger.enrollments.unsubscribe(ADA, address_hash=ledger.store.address_hash(ada.email), now_ms=now)

    assert (await ledger.deliveries.claim(step(1), worker="w2", now_ms=now + 5_000)).reason == "in hand"
    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now + 5_000)
    assert (await ledger.enrollments.get(ADA)).step_status(1) == (DeliveryStatus.ACCEPTED, "re_1")
