"""The actor that sends one due delivery, from its claim to its final status."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import structlog

from actors.sending.channels import Message, Route, route_of
from actors.sending.failure_policy import Decision, decide
from actors.sending.reconcile import KEY_FORGOTTEN, KEY_TAKEN, KEY_TAKEN_CODE, NO_KEYS, reconcile
from actors.sending.render import NotSent
from actors.sending.windows import OUTSIDE_WINDOW, next_opening_ms
from common.campaigns.loader import CampaignError
from common.domain.delivery import Kind
from common.domain.ids import DeliveryId, split_delivery_id
from common.domain.retry import KEY_LIFE_MS, RetryPolicy, may_repeat
from common.errors import Failure, Throttled
from common.ledger.circuits import circuit_closed, circuit_opened
from common.ledger.constants import PROVIDER_OF
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.observability import metrics, tracing
from common.world import World

UNSENT_RETRY_MS = 1_000

log = structlog.get_logger(__name__)


async def send(world: World, job: str) -> None:
    """
    Send one due delivery.

    1. Claim it. Another worker may already have it, or the contact may have left.
    2. Render it, or use the frozen bytes of an earlier attempt.
    3. Wait for the provider's rate limit, let the ledger check a last time, and freeze the bytes.
    4. Send it under its idempotency key.
    5. Settle: accepted, again later, or a dead letter with its reason. A delivery that may have been accepted long ago
       is searched for in the provider's list instead of being sent again.
    """
    delivery_id = DeliveryId(job)
    with structlog.contextvars.bound_contextvars(
        enrollment_id=split_delivery_id(delivery_id)[0], delivery_id=delivery_id
    ):
        claim = await _claim(world, delivery_id)
        if isinstance(claim, ClaimRefused):
            _log_refusal(claim)
            return
        # A job's trace is that of its owner, for a reminder or a follow-up the booking. Link it to the contact's.
        if claim.delivery.kind is not Kind.STEP:
            tracing.belongs_to(claim.contact_id)
        try:
            await _deliver(world, claim)
        except Exception as error:  # a bug: the delivery becomes a dead letter, and the queue keeps the traceback
            why = f"internal error: {type(error).__name__}; it may have been accepted nevertheless"
            await _settle(world, claim, Decision("dead", why, outcome_unknown=True, code="internal_error"))
            raise


async def _claim(world: World, delivery_id: DeliveryId) -> ClaimGranted | ClaimRefused:
    """Claim the delivery. If another version of its campaign is in force, load that version and try once more."""
    claim = await world.ledger.deliveries.claim(delivery_id, worker=world.worker, now_ms=world.clock.now_ms())
    if isinstance(claim, ClaimGranted) or claim.reason != "another version" or world.versions is None:
        return claim
    try:
        await world.versions.refresh()
    except CampaignError:
        return claim  # The version cannot be read: this worker ends, and the sweeper schedules the delivery again.
    return await world.ledger.deliveries.claim(delivery_id, worker=world.worker, now_ms=world.clock.now_ms())


def _log_refusal(refusal: ClaimRefused) -> None:
    if refusal.reason == "dead":
        metrics.DELIVERIES.labels("dead", "").inc()
        log.error("delivery_dead", reason="killed_its_worker")
        return
    log.info("delivery_not_sent", why=refusal.reason, detail=refusal.detail, until_ms=refusal.until_ms)


async def _deliver(world: World, claim: ClaimGranted) -> None:
    try:
        route = route_of(world, claim.delivery.channel)
    except NotSent as refusal:
        await _settle(world, claim, Decision("skipped", str(refusal)))
        return
    if await _waits_for_window(world, claim):
        return
    # Read before the mail is rendered: if the campaign changes in between, the ledger refuses the freeze.
    version = _version(world, claim)
    message = await _message(world, claim, route)
    if message is None:
        return
    try:
        await world.ledger.store.call(route.budget.take)
    except Throttled as wait:
        await _settle_failure(world, claim, wait)
        return
    frozen = message.frozen()
    attempt = await world.ledger.deliveries.freeze(
        claim,
        frozen,
        now_ms=world.clock.now_ms(),
        version=version,
        number=route.number(message),
    )
    if isinstance(attempt, ClaimRefused):
        await _freeze_refused(world, claim, attempt)
        return
    await _send_attempt(world, replace(claim, payload=frozen), route, message, attempt=attempt)


def _version(world: World, claim: ClaimGranted) -> str | None:
    """Return the version in force that is loaded; None when this process uses campaign files instead."""
    terms = world.ledger.campaigns.get(claim.campaign)
    return terms.version if terms else None


async def _waits_for_window(world: World, claim: ClaimGranted) -> bool:
    """Defer the delivery until its campaign's sending window opens. Return False if the window is open."""
    opening_ms = await next_opening_ms(world, claim)
    if opening_ms is None:
        return False
    await _settle(world, claim, Decision("defer", OUTSIDE_WINDOW, opening_ms - world.clock.now_ms()))
    return True


async def _message(world: World, claim: ClaimGranted, route: Route) -> Message | None:
    """Return the message to send, or None when the claim was settled without sending."""
    try:
        _check(route, claim)
        if not may_repeat(
            first_ms=claim.first_attempt_ms,
            outcome_unknown=claim.outcome_unknown,
            now_ms=world.clock.now_ms(),
            remembered_ms=claim.delivery.channel.key_remembered_ms,
        ):
            because = KEY_FORGOTTEN if claim.delivery.channel.has_idempotency_keys else NO_KEYS
            await _resolve_unknown_outcome(world, claim, route, because=because)
            return None
        if claim.payload is not None:
            message = await route.thaw(claim, claim.payload)
        else:
            message = await route.render(claim)
        _check(route, claim, message)
        return message
    except NotSent as refusal:
        await _settle(world, claim, Decision("skipped", str(refusal)))
        return None
    except CampaignError as error:
        # No mail is sent with a blank: this one is a dead letter until a person fixes the campaign and replays it.
        await _settle(world, claim, Decision("dead", f"cannot be rendered: {error}", code="not_rendered"))
        return None


def _check(route: Route, claim: ClaimGranted, message: Message | None = None) -> None:
    """Raise `NotSent` if the delivery must not be sent now."""
    if reason := route.refusal(claim, message):
        raise NotSent(reason)


async def _send_attempt(world: World, claim: ClaimGranted, route: Route, message: Message, *, attempt: int) -> None:
    lateness_ms = world.clock.now_ms() - claim.due_ms
    if attempt == 1:
        metrics.LATENESS.observe(max(0, lateness_ms) / 1000)
    try:
        provider_id = await route.send(claim, message)
    except Failure as failure:
        metrics.ATTEMPTS.labels(failure.kind).inc()
        if isinstance(failure, Throttled):
            await world.ledger.store.call(partial(route.budget.push, failure.retry_after_ms))
        if failure.code == KEY_TAKEN_CODE:
            await _idempotency_conflict(world, claim, route)
            return
        await _settle_failure(world, claim, failure, number=route.number(message))
        return
    metrics.ATTEMPTS.labels("accepted").inc()
    now_ms = world.clock.now_ms()
    if settled := await world.ledger.deliveries.settle(claim, "accepted", provider_id, now_ms=now_ms):
        circuit_closed(PROVIDER_OF[claim.delivery.channel], since_ms=settled.circuit_open_since_ms, now_ms=now_ms)
        _count(claim, "accepted")
        log.info("delivery_accepted", attempt=attempt, lateness_ms=lateness_ms, provider_id=provider_id)
    else:
        metrics.SETTLED_TWICE.inc()
        log.warning("delivery_settled_by_another", attempt=attempt, provider_id=provider_id)


async def _resolve_unknown_outcome(world: World, claim: ClaimGranted, route: Route, *, because: str) -> None:
    """
    Search the provider's list for a delivery that may have been accepted, and settle it. It is never resent blindly.

    If the list does not show whether it was accepted, it becomes a dead letter and a person decides.
    """
    answer = await reconcile(world, claim, route, because=because)
    if isinstance(answer, Decision):
        may_send_again = answer.is_unsent and claim.delivery.channel.has_idempotency_keys
        if may_send_again and await world.ledger.deliveries.note_unaccepted(claim):
            answer = Decision("defer", "Resend's list shows that no try was accepted", UNSENT_RETRY_MS)
        await _settle_or_defer(world, claim, answer)
        return
    now_ms = world.clock.now_ms()
    if await world.ledger.deliveries.settle(claim, "accepted", answer.id, now_ms=now_ms, sent_ms=answer.created_ms):
        _count(claim, "accepted")
        log.info("delivery_found_accepted", provider_id=answer.id)


async def _idempotency_conflict(world: World, claim: ClaimGranted, route: Route) -> None:
    """
    Resolve a delivery whose key the provider has accepted with other bytes.

    It accepted them within the life of a key, because it remembers none for longer.
    """
    now_ms = world.clock.now_ms()
    since_ms = now_ms - KEY_LIFE_MS
    if await world.ledger.deliveries.note_conflict(claim, since_ms=since_ms, now_ms=now_ms):
        claim = replace(claim, outcome_unknown=True, first_attempt_ms=since_ms)
        await _resolve_unknown_outcome(world, claim, route, because=KEY_TAKEN)


async def _freeze_refused(world: World, claim: ClaimGranted, refusal: ClaimRefused) -> None:
    """The ledger refused to freeze: the contact left, sending waits, or another worker owns the claim now."""
    if refusal.reason == "exited":
        await _settle(world, claim, Decision("skipped", refusal.detail))
    elif refusal.reason == "held" and refusal.until_ms is not None:
        await _settle(world, claim, Decision("defer", refusal.detail, refusal.until_ms - world.clock.now_ms()))
    else:
        log.warning("delivery_claim_lost")


async def _settle_failure(world: World, claim: ClaimGranted, failure: Failure, *, number: str | None = None) -> None:
    settings = world.settings
    policy = RetryPolicy(settings.retry_attempts + 1, round(settings.retry_delay_seconds * 1000))
    await _settle_or_defer(world, claim, replace(decide(failure, claim, policy), number=number))


async def _settle_or_defer(world: World, claim: ClaimGranted, decision: Decision) -> None:
    """Settle as decided, or defer the delivery if this failure shows that the provider's circuit must open."""
    now_ms, provider = world.clock.now_ms(), PROVIDER_OF[claim.delivery.channel]
    if decision.provider_wide or decision.maybe_provider_wide:
        circuit = await world.ledger.circuits.report_failure(
            provider,
            id=claim.id,
            reason=decision.reason,
            provider_wide=decision.provider_wide,
            now_ms=now_ms,
            at_least_ms=now_ms + decision.wait_ms if decision.outcome == "defer" and decision.wait_ms else None,
        )
        if circuit is not None:
            # All deliveries wait, so none uses up its attempts on a fault of the provider.
            wait_ms = circuit.until_ms - now_ms
            decision = Decision("defer", decision.reason, wait_ms, outcome_unknown=decision.outcome_unknown)
            circuit_opened(provider, circuit, reason=decision.reason)
    await _settle(world, claim, decision)


async def _settle(world: World, claim: ClaimGranted, decision: Decision) -> None:
    now_ms = world.clock.now_ms()
    due_ms = now_ms + decision.wait_ms if decision.wait_ms is not None else None
    settled = await world.ledger.deliveries.settle(
        claim,
        decision.outcome,
        decision.reason,
        now_ms=now_ms,
        due_ms=due_ms,
        outcome_unknown=decision.outcome_unknown,
        ends=decision.ends,
        number=decision.number if decision.ends else None,
    )
    if settled and settled.is_reported:
        _count(claim, "accepted")
        log.info("delivery_found_accepted", by="webhook", instead_of=decision.outcome)
        return
    if settled and decision.outcome in ("dead", "skipped"):
        _count(claim, decision.outcome)
    if decision.outcome == "dead":
        log.error("delivery_dead", reason=decision.code, settled=settled is not None)
    else:
        log.info("delivery_" + decision.outcome, due_ms=due_ms, settled=settled is not None)


def _count(claim: ClaimGranted, status: str) -> None:
    metrics.DELIVERIES.labels(status, "").inc()
    metrics.CAMPAIGN_DELIVERIES.labels(claim.campaign, status).inc()
