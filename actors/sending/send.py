"""One due delivery, from its claim to its fate."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import structlog

from actors import circuit_log
from actors.sending.failure_policy import Decision, verdict
from actors.sending.reconcile import DAY_MS, KEY_FORGOTTEN, KEY_TAKEN, KEY_TAKEN_CODE, reconcile
from actors.sending.render import compose, idempotency_key
from common.campaigns.loader import CampaignError
from common.domain.ids import DeliveryId, split_delivery_id
from common.domain.mail import Mail
from common.domain.retry import RetryPolicy, may_repeat
from common.errors import Failure, Throttled
from common.ledger.answers import Claim, ClaimRefused, ReminderClaimGranted
from common.ledger.ledger import MAIL
from common.observability import metrics, tracing
from common.world import World

AGAIN_MS = 1_000

log = structlog.get_logger(__name__)


async def send(world: World, job: str) -> None:
    """
    Send one due delivery.

    1. Claim it; another worker may already have it, or the person may have left.
    2. Render it, or take the bytes of the attempt before.
    3. Wait for the provider's rate, then ask the ledger a last time and freeze the bytes.
    4. Hand it over under its idempotency key.
    5. Settle: accepted, again later, or a dead letter with its reason. What may have been accepted long ago is looked
       for instead of being handed over again.
    """
    delivery_id = DeliveryId(job)
    with structlog.contextvars.bound_contextvars(
        enrollment_id=split_delivery_id(delivery_id)[0], delivery_id=delivery_id
    ):
        claim = await world.ledger.claim(delivery_id, worker=world.worker, now_ms=world.clock.now_ms())
        if isinstance(claim, ClaimRefused):
            _not_claimed(claim)
            return
        if isinstance(claim, ReminderClaimGranted):
            tracing.belongs_to(claim.contact_id)
        try:
            await _deliver(world, claim)
        except Exception as error:  # our own mistake: the person keeps a fate with a reason, the queue the traceback
            why = f"internal error: {type(error).__name__}; it may have been accepted all the same"
            await _settle(world, claim, Decision("dead", why, doubt=True, code="internal_error"))
            raise


def _not_claimed(no: ClaimRefused) -> None:
    if no.why == "dead":
        metrics.DELIVERIES.labels("dead", "").inc()
        log.error("delivery_dead", reason="killed_its_worker")
        return
    log.info("delivery_not_sent", why=no.why, detail=no.detail, until_ms=no.until_ms)


async def _deliver(world: World, claim: Claim) -> None:
    mail = await _mail(world, claim)
    if mail is None:
        return
    try:
        await world.ledger.patiently(world.mail_budget.take)
    except Throttled as wait:
        await _settle_failure(world, claim, wait)
        return
    frozen = await world.ledger.freeze(claim, mail.frozen(), now_ms=world.clock.now_ms())
    if isinstance(frozen, ClaimRefused):
        await _freeze_refused(world, claim, frozen)
        return
    await _hand_over(world, claim, Mail.thawed(frozen[0]), attempt=frozen[1])


async def _mail(world: World, claim: Claim) -> Mail | None:
    """The bytes to send, or None when the claim is settled without any."""
    now_ms = world.clock.now_ms()
    if not world.settings.may_mail(claim.address):
        await _settle(world, claim, Decision("skipped", "test_mode"))
        return None
    if not may_repeat(first_ms=claim.first_ms, doubt=claim.doubt, now_ms=now_ms):
        await _resolve_unknown_outcome(world, claim, because=KEY_FORGOTTEN)
        return None
    if claim.frozen is not None:
        return Mail.thawed(claim.frozen)
    try:
        return compose(world, claim)
    except CampaignError as error:
        # Never a blank: a mail that cannot be rendered waits for a person, who mends the campaign and replays it.
        await _settle(world, claim, Decision("dead", f"cannot be rendered: {error}", code="not_rendered"))
        return None


async def _hand_over(world: World, claim: Claim, mail: Mail, *, attempt: int) -> None:
    lateness_ms = world.clock.now_ms() - claim.due_ms
    if attempt == 1:
        metrics.LATENESS.observe(max(0, lateness_ms) / 1000)
    try:
        provider_id = await world.mailer.send(mail, idempotency_key=idempotency_key(world, claim))
    except Failure as failure:
        metrics.ATTEMPTS.labels(failure.kind).inc()
        if isinstance(failure, Throttled):
            await world.ledger.patiently(partial(world.mail_budget.push, failure.retry_after_ms))
        if failure.code == KEY_TAKEN_CODE:
            await _idempotency_conflict(world, claim, mail)
            return
        await _settle_failure(world, claim, failure)
        return
    metrics.ATTEMPTS.labels("accepted").inc()
    now_ms = world.clock.now_ms()
    if settled := await world.ledger.settle(claim, "accepted", provider_id, now_ms=now_ms):
        circuit_log.circuit_closed(MAIL, settled, now_ms=now_ms)
        metrics.DELIVERIES.labels("accepted", "").inc()
        log.info("delivery_accepted", attempt=attempt, lateness_ms=lateness_ms, provider_id=provider_id)
    else:
        metrics.SETTLED_TWICE.inc()
        log.warning("delivery_settled_by_another", attempt=attempt, provider_id=provider_id)


async def _resolve_unknown_outcome(world: World, claim: Claim, *, because: str) -> None:
    """Never sent blindly: what the provider accepted is looked for, and a person decides when that tells nothing."""
    answer = await reconcile(world, claim, because=because)
    if isinstance(answer, Decision):
        if answer.is_unsent and await world.ledger.never_accepted(claim):
            answer = Decision("hold", "Resend's list shows that no try was accepted", AGAIN_MS)
        await _settle_or_hold(world, claim, answer)
        return
    now_ms = world.clock.now_ms()
    if settled := await world.ledger.settle(claim, "accepted", answer.id, now_ms=now_ms, sent_ms=answer.created_ms):
        circuit_log.circuit_closed(MAIL, settled, now_ms=now_ms)
        metrics.DELIVERIES.labels("accepted", "").inc()
        log.info("delivery_found_accepted", provider_id=answer.id)


async def _idempotency_conflict(world: World, claim: Claim, mail: Mail) -> None:
    """Other bytes were accepted under this key, within the day that the provider remembers it."""
    now_ms = world.clock.now_ms()
    since_ms = now_ms - DAY_MS
    if await world.ledger.doubt(claim, since_ms=since_ms, now_ms=now_ms):
        await _resolve_unknown_outcome(
            world, replace(claim, doubt=True, first_ms=since_ms, frozen=mail.frozen()), because=KEY_TAKEN
        )


async def _freeze_refused(world: World, claim: Claim, no: ClaimRefused) -> None:
    if no.why == "exited":
        await _settle(world, claim, Decision("skipped", no.detail))
    elif no.why == "held" and no.until_ms is not None:
        await _settle(world, claim, Decision("hold", no.detail, no.until_ms - world.clock.now_ms()))
    else:
        log.warning("delivery_claim_lost")


async def _settle_failure(world: World, claim: Claim, failure: Failure) -> None:
    settings = world.settings
    policy = RetryPolicy(settings.retry_attempts + 1, round(settings.retry_delay_seconds * 1000))
    await _settle_or_hold(world, claim, verdict(failure, claim, policy))


async def _settle_or_hold(world: World, claim: Claim, decided: Decision) -> None:
    """Settle as decided, unless it turns out to be the trouble of everybody."""
    now_ms = world.clock.now_ms()
    if decided.provider_wide or decided.maybe_provider_wide:
        at_least_ms = now_ms + decided.wait_ms if decided.outcome == "hold" and decided.wait_ms else None
        trouble = await world.ledger.trouble(
            MAIL,
            whose=claim.delivery_id,
            reason=decided.reason,
            provider_wide=decided.provider_wide,
            now_ms=now_ms,
            at_least_ms=at_least_ms,
        )
        if trouble is not None:
            # Everybody waits, and nobody's tries are spent on trouble that is not theirs.
            decided = Decision("hold", decided.reason, trouble.until_ms - now_ms, doubt=decided.doubt)
            circuit_log.circuit_opened(MAIL, trouble, reason=decided.reason)
    await _settle(world, claim, decided)


async def _settle(world: World, claim: Claim, decided: Decision) -> None:
    now_ms = world.clock.now_ms()
    due_ms = now_ms + decided.wait_ms if decided.wait_ms is not None else None
    settled = await world.ledger.settle(
        claim, decided.outcome, decided.reason, now_ms=now_ms, due_ms=due_ms, doubt=decided.doubt
    )
    if settled and settled.is_told:
        metrics.DELIVERIES.labels("accepted", "").inc()
        log.info("delivery_found_accepted", by="webhook", instead_of=decided.outcome)
        return
    if settled and decided.outcome in ("dead", "skipped"):
        metrics.DELIVERIES.labels(decided.outcome, "").inc()
    if decided.outcome == "dead":
        log.error("delivery_dead", reason=decided.code, settled=settled is not None)
    else:
        log.info("delivery_" + decided.outcome, due_ms=due_ms, settled=settled is not None)
