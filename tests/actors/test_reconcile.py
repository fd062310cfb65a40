"""Unknown outcomes: retried with the same key while the provider remembers it, then looked up, and never guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace as replace_in

import pytest

from actors.dead_letters import Way, plan, replay
from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.campaigns import Campaigns
from common.domain.delivery import DeliveryStatus
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id
from common.domain.mail import Mail
from common.errors import Ambiguous, Misconfigured, Permanent, Throttled, Transient
from common.ledger import keys
from common.ledger.dead_letters import DeadLetter
from tests.ledger_reads import record_of

HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = f"{ADA}/step-1"
BORIS = "boris@example.org"
GONE = "it cannot be searched for: removed from the campaign; discard it, or add it to the campaign again and replay"


@pytest.fixture
def lost(simulation, ada, clock):
    """A function that sends Ada's first mail, loses the answer, and lets nothing touch the mail until a later hour."""

    # At 23.5 h the key is forgotten, and step 2, which would be refused every second, is not due yet.
    async def lost(*, accepted: bool, until_h: float = 23.5):
        anchor_ms = clock.now_ms()
        await simulation.sign_up(ada)
        answers = [Ambiguous("read_timeout")]
        simulation.mailer.failure = lambda _mail: answers.pop() if answers else None
        await simulation.run(until_ms=anchor_ms + 1_000)
        if not accepted:
            simulation.mailer.accepted_mails.clear()
            simulation.mailer.accepted_by_key.clear()
            simulation.mailer.remembered_keys.clear()
        later_ms = anchor_ms + round(until_h * HOUR_MS)
        await simulation.ledger.client.zadd(keys.delayed("send"), {FIRST: later_ms})
        await simulation.ledger.client.zadd(keys.OPEN, {FIRST: later_ms})
        await simulation.ledger.client.hset(keys.delivery(FIRST), "not_before_ms", later_ms)
        await simulation.run(until_ms=later_ms + 60_000)
        return anchor_ms

    return lost


def firsts(simulation) -> list[Mail]:
    return [mail for _, mail in simulation.mailer.accepted_mails if mail.tags["step"] == "step-1"]


async def record(simulation):
    return (await simulation.ledger.enrollments.get(ADA)).records.get(1)


async def letter(simulation):
    return await simulation.ledger.dead_letters.get(FIRST)


async def test_mail_listed_once_is_settled_as_accepted_at_its_own_time(simulation, lost):
    anchor_ms = await lost(accepted=True)

    assert (await record(simulation)).status is DeliveryStatus.ACCEPTED
    assert (await record(simulation)).detail == "sim_0"
    assert (await record(simulation)).sent_ms == anchor_ms
    assert len(firsts(simulation)) == 1


async def test_unlisted_mail_waits_for_a_person_and_can_be_replayed(simulation, lost):
    await lost(accepted=False)

    assert (await record(simulation)).detail == (
        "an earlier try may have been accepted, and the provider no longer remembers its key;"
        " not found among what Resend lists: replay sends it again"
    )
    planned = await plan(simulation.world, await letter(simulation))
    assert planned.way is Way.AGAIN
    assert await replay(simulation.world, planned)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    assert (await record(simulation)).status is DeliveryStatus.ACCEPTED
    assert len(firsts(simulation)) == 1


async def test_listed_mail_of_another_delivery_does_not_settle_a_lost_one(simulation, ada, lost):
    await lost(accepted=False, until_h=24.01)
    subject = Mail.thawed((await simulation.ledger.store.read_hash(keys.delivery(FIRST)))["payload"]).subject
    second = (await simulation.ledger.enrollments.get(ADA)).records[2]
    at_ms, mail = simulation.mailer.accepted_mails[0]

    simulation.mailer.accepted_mails[0] = (at_ms, replace_in(mail, subject=subject))

    assert second.detail == "sim_0"
    assert (await plan(simulation.world, await letter(simulation))).way is Way.AGAIN


async def _two_calls_one_reminder_unknown(simulation, began_ms) -> dict[str, int]:
    """Book two calls of Boris and lose the answer to the first reminder of the first one. Return uid → start in ms."""
    starts = {"A": began_ms + 73 * HOUR_MS, "B": began_ms + 75 * HOUR_MS}
    for uid, start_ms in starts.items():
        await simulation.book(BORIS, start_ms, uid=uid)
    answers = [Ambiguous("read_timeout")]
    simulation.mailer.failure = lambda _mail: answers.pop() if answers else None
    await simulation.run(until_ms=began_ms + HOUR_MS + 1_000)
    return starts


async def test_listed_reminder_of_another_call_does_not_settle_a_lost_one(simulation, clock):
    """The two calls' reminders have the same words, and the outcome of the first one is unknown."""
    began_ms = clock.now_ms()
    starts = await _two_calls_one_reminder_unknown(simulation, began_ms)
    simulation.mailer.accepted_mails.clear()
    lost, other = (
        reminder_delivery_id(booking_id(uid), start_ms=start_ms, name="72h") for uid, start_ms in starts.items()
    )
    for schedule in (keys.delayed("send"), keys.OPEN):
        await simulation.ledger.client.zadd(schedule, {lost: began_ms + 26 * HOUR_MS})
    await simulation.run(until_ms=began_ms + 27 * HOUR_MS)

    final_statuses = [(await record_of(simulation.ledger, delivery)) for delivery in (lost, other)]
    assert [record.status for record in final_statuses] == [DeliveryStatus.DEAD, DeliveryStatus.ACCEPTED]
    assert final_statuses[0].detail.endswith("not found among what Resend lists: replay sends it again")


async def test_listed_reminder_is_settled_as_accepted_among_those_of_other_calls(simulation, clock):
    began_ms = clock.now_ms()
    starts = await _two_calls_one_reminder_unknown(simulation, began_ms)
    lost = reminder_delivery_id(booking_id("A"), start_ms=starts["A"], name="72h")
    for schedule in (keys.delayed("send"), keys.OPEN):
        await simulation.ledger.client.zadd(schedule, {lost: began_ms + 26 * HOUR_MS})
    await simulation.run(until_ms=began_ms + 27 * HOUR_MS)

    record = await record_of(simulation.ledger, lost)
    assert (record.status, record.detail, record.sent_ms) == (
        DeliveryStatus.ACCEPTED,
        "sim_0",
        began_ms + HOUR_MS,
    )
    assert len(simulation.mailer.inbox_of(BORIS)) == 2


async def _lost_with_the_store(simulation, *, mails: Sequence[str] = ()) -> DeadLetter:
    """
    Return the dead letter of Boris's first reminder, which a lost store may have sent, and whose bytes are lost.

    `mails`: the subjects of what the lost store sent him since the backup.
    """
    start_ms = simulation.clock.now_ms() + 75 * HOUR_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - 73 * HOUR_MS)
    simulation.clock.advance(2 * HOUR_MS)
    sender = simulation.world.campaigns.default.identity(simulation.world.settings.identity).sender
    for subject in mails:
        mail = Mail(sender=sender, to=BORIS, subject=subject, html="", text="", reply_to=None, headers={}, tags={})
        await simulation.mailer.send(mail, idempotency_key=f"lost {subject}")
    lost, now_ms = reminder_delivery_id(booking_id("A"), start_ms=start_ms, name="72h"), simulation.clock.now_ms()
    assert await simulation.ledger.deliveries.settle_restored(
        lost, "christmas_2025", now_ms=now_ms, detail="restored", unknown_since_ms=now_ms - 24 * HOUR_MS
    )
    return await simulation.ledger.dead_letters.get(lost)


async def test_replay_of_a_reminder_lost_with_its_store_is_refused_when_a_mail_in_other_words_is_listed(simulation):
    lost = await _lost_with_the_store(simulation, mails=["Your call, at the hour that the lost store knew"])
    planned = await plan(simulation.world, lost)

    assert planned.way is Way.REFUSED
    assert planned.why == "1 of the mails that Resend lists may be it: look at them there, and discard this if one is"


async def test_replay_of_a_reminder_lost_with_its_store_sends_it_when_no_other_mail_is_listed(simulation, boris):
    await simulation.sign_up(boris)

    lost = await _lost_with_the_store(simulation)

    assert len(simulation.mailer.inbox_of(BORIS)) > 0, "the steps of his enrollment, which the ledger knows"
    assert (await plan(simulation.world, lost)).way is Way.AGAIN


def _without(campaign: Campaign, **changes: tuple[object, ...]) -> Campaigns:
    return Campaigns(campaign_of(replace_in(campaign.compiled, **changes)))


async def test_replay_of_a_removed_reminder_is_refused_with_that_reason(simulation, campaign):
    lost = await _lost_with_the_store(simulation)
    world = replace_in(simulation.world, campaigns=_without(campaign, reminders=()))

    planned = await plan(world, lost)

    assert (planned.way, planned.why) == (Way.REFUSED, GONE)


async def test_replay_of_a_removed_step_is_refused_with_that_reason(simulation, campaign, lost):
    await lost(accepted=False)
    await simulation.ledger.client.hdel(keys.delivery(FIRST), "payload")
    world = replace_in(simulation.world, campaigns=_without(campaign, steps=campaign.compiled.steps[1:]))

    planned = await plan(world, await letter(simulation))

    assert (planned.way, planned.why) == (Way.REFUSED, GONE)


async def test_several_matching_mails_settle_nothing_and_nothing_is_sent(simulation, lost):
    await lost(accepted=False)
    mail = Mail.thawed((await simulation.ledger.store.read_hash(keys.delivery(FIRST)))["payload"])
    simulation.mailer.accepted_mails += [(simulation.clock.now_ms() - HOUR_MS, mail)] * 2

    planned = await plan(simulation.world, await letter(simulation))

    assert planned.way is Way.REFUSED
    assert planned.why == "2 of the mails that Resend lists may be it: look at them there, and discard this if one is"
    assert not await replay(simulation.world, planned)


async def test_sending_only_key_leaves_an_unknown_outcome_to_a_person_with_the_cure(simulation, lost):
    simulation.mailer.list_failure = Misconfigured("restricted_api_key", status=401)
    await lost(accepted=True)

    assert (await record(simulation)).status is DeliveryStatus.DEAD
    assert "RESEND_API_KEY may only send; set one with full access, and replay" in (await record(simulation)).detail
    assert (await plan(simulation.world, await letter(simulation))).way is Way.REFUSED
    simulation.mailer.list_failure = None
    planned = await plan(simulation.world, await letter(simulation))
    assert planned.way is Way.FOUND
    assert await replay(simulation.world, planned)
    assert (await record(simulation)).status is DeliveryStatus.ACCEPTED
    assert len(firsts(simulation)) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Transient("internal_server_error", status=500),
        Throttled("rate_limit_exceeded", status=429, retry_after_ms=5_000),
        Misconfigured("invalid_api_key", status=403),
    ],
)
async def test_unavailable_list_is_requested_again_and_counts_no_attempt(simulation, lost, clock, trouble):
    simulation.mailer.list_failure = trouble
    await lost(accepted=True)

    assert await record(simulation) is None
    held = await simulation.ledger.store.read_hash(keys.delivery(FIRST))
    assert (held["attempts"], held["failures"]) == ("1", "1")
    simulation.mailer.list_failure = None
    await simulation.run(until_ms=clock.now_ms() + 120_000)
    assert (await record(simulation)).status is DeliveryStatus.ACCEPTED
    assert len(firsts(simulation)) == 1


async def test_idempotency_conflict_is_looked_up_instead_of_dead_lettered(simulation, ada, clock):
    """This follows the loss of a store: the old one sent the mail, and the new one renders it a little differently."""
    anchor_ms = clock.now_ms()
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor_ms + 1_000)
    [sent] = firsts(simulation)
    await simulation.ledger.client.flushall()
    simulation.mailer.remembered_keys[f"christmas_2025/{FIRST}"] = (anchor_ms, "other bytes", "sim_0")
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor_ms + 2_000)

    assert firsts(simulation) == [sent]
    assert (await record(simulation)).detail == "sim_0"


async def test_conflicting_idempotency_key_is_never_reused_while_the_list_is_unavailable(simulation, ada, clock):
    anchor_ms = clock.now_ms()
    simulation.mailer.remembered_keys[f"christmas_2025/{FIRST}"] = (anchor_ms - 20 * HOUR_MS, "other bytes", "gone")
    simulation.mailer.list_failure = Transient("bad_gateway", status=502)
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor_ms + 10 * HOUR_MS)

    assert firsts(simulation) == []
    simulation.mailer.list_failure = None
    await simulation.run(until_ms=anchor_ms + 11 * HOUR_MS)
    assert (await record(simulation)).status is DeliveryStatus.DEAD
    assert firsts(simulation) == []


async def test_replay_of_a_refused_mail_renders_it_again(simulation, ada):
    refused = [Permanent("validation_error", status=422)]
    simulation.mailer.failure = lambda _mail: refused.pop() if refused else None
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    assert (await plan(simulation.world, await letter(simulation))).way is Way.RENDERED


async def test_replay_while_the_key_is_remembered_sends_the_same_bytes_once(simulation, ada, clock):
    anchor_ms = clock.now_ms()
    answers = [Ambiguous("read_timeout")] * 4
    simulation.mailer.failure = lambda _mail: answers.pop() if answers else None
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor_ms + HOUR_MS)

    planned = await plan(simulation.world, await letter(simulation))
    assert planned.way is Way.SAME
    assert await replay(simulation.world, planned)
    await simulation.run(until_ms=anchor_ms + 2 * HOUR_MS)
    assert (await record(simulation)).status is DeliveryStatus.ACCEPTED
    assert len(firsts(simulation)) == 1


async def test_concurrent_replays_send_one_mail(simulation, lost):
    await lost(accepted=False)
    plans = [await plan(simulation.world, await letter(simulation)) for _ in range(8)]

    done = await asyncio.gather(*(replay(simulation.world, planned) for planned in plans))
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    assert done.count(True) == 1
    assert len(firsts(simulation)) == 1


async def test_replay_plan_from_before_another_replay_is_refused(simulation, lost, clock):
    await lost(accepted=False)
    old = await plan(simulation.world, await letter(simulation))
    await replay(simulation.world, await plan(simulation.world, await letter(simulation)))
    answers = [Ambiguous("read_timeout")] * 4
    simulation.mailer.failure = lambda _mail: answers.pop() if answers else None
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)

    assert (await record(simulation)).status is DeliveryStatus.DEAD
    assert not await replay(simulation.world, old)
    assert len(firsts(simulation)) == 1


async def test_replay_and_its_late_original_are_one_mail(simulation, lost):
    """The provider carries out the first request late: same bytes, same key."""
    await lost(accepted=False)
    mail = Mail.thawed((await simulation.ledger.store.read_hash(keys.delivery(FIRST)))["payload"])
    planned = await plan(simulation.world, await letter(simulation))
    await simulation.world.mailer.send(mail, idempotency_key=f"christmas_2025/{FIRST}")

    assert await replay(simulation.world, planned)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    assert len(firsts(simulation)) == 1


async def test_a_dead_letter_never_expires(simulation, lost, clock):
    await lost(accepted=False)
    clock.advance(400 * 24 * HOUR_MS)
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)

    assert (await letter(simulation)).id == FIRST
    assert await simulation.ledger.client.ttl(keys.delivery(FIRST)) == -1
