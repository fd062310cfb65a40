"""The actor that copies changes to Notion: one job, the pump, writes the changed contacts, the newest change first."""

from __future__ import annotations

from functools import partial

import structlog

from actors.sending.failure_policy import NOT_CONNECTED
from common.domain.contact_booking_status import Person
from common.domain.ids import EnrollmentId
from common.errors import Failure, Misconfigured, Permanent, Throttled
from common.ledger.circuits import circuit_closed, circuit_opened
from common.ledger.constants import MIRROR
from common.ledger.mirror import Changed
from common.observability import metrics, tracing
from common.providers.notion.failures import NETWORK_EDGE
from common.world import World

log = structlog.get_logger(__name__)

CONTACT_RETRY_MS = 5_000
REFUSED_ROW_RETRY_MS = 600_000
"""How long until a row that Notion refused is tried again: someone may have fixed the database."""
TURN_MS = 10_000
"""The pump releases its thread after this time; another job continues."""


async def notion_sync(world: World, job: str) -> None:
    """
    Show changed contacts in Notion. The job is `pump`, or the id of a contact to try again after its own failure.

    1. While Notion's circuit is open, do nothing: the pump is scheduled for the time when the circuit allows a request.
    2. Take the contact that changed last; no other worker gets it until it is shown.
    3. Make both databases show what the ledger says *now*, including calls; write only what differs.
    4. A contact that changes meanwhile stays among the changed.
    """
    started_ms = world.clock.now_ms()
    if job != "pump":
        await world.ledger.mirror.request(due_ms=started_ms, now_ms=started_ms, again=EnrollmentId(job))
        return
    until_ms = await world.ledger.circuits.open_until(MIRROR, now_ms=started_ms)
    if until_ms is not None:
        await world.ledger.mirror.request(due_ms=until_ms, now_ms=started_ms)
        return
    while world.clock.now_ms() - started_ms < TURN_MS:
        changed = await world.ledger.mirror.take(worker=world.worker, now_ms=world.clock.now_ms())
        if changed is None:
            return
        with (
            tracing.trace_job("notion_sync", changed.id),
            structlog.contextvars.bound_contextvars(enrollment_id=changed.id),
        ):
            if not await _show(world, changed):
                return
    now_ms = world.clock.now_ms()
    await world.ledger.mirror.request(due_ms=now_ms, now_ms=now_ms)


async def _show(world: World, changed: Changed) -> bool:
    """Return True if Notion shows the contact or only this contact failed; False if Notion must not be used now."""
    try:
        # Notion's budget and creation guard are in the store too. A repeated call finds pages that it has created.
        pages = await world.ledger.store.call(partial(world.mirror.show, changed.person, booking=changed.booking))
    except Failure as failure:
        return await _not_shown(world, changed.person, failure)
    except Exception:  # a bug: the contact is tried again, and the queue keeps the traceback
        now_ms = world.clock.now_ms()
        await world.ledger.mirror.record_not_shown(
            changed.person, worker=world.worker, now_ms=now_ms, again_ms=now_ms + REFUSED_ROW_RETRY_MS, alone=True
        )
        raise
    now_ms = world.clock.now_ms()
    if settled := await world.ledger.mirror.record_shown(changed.person, pages, worker=world.worker, now_ms=now_ms):
        circuit_closed(MIRROR, since_ms=settled.circuit_open_since_ms, now_ms=now_ms)
    metrics.MIRRORED.labels("shown").inc()
    log.info("contact_mirrored", revision=changed.person.revision)
    return True


async def _not_shown(world: World, person: Person, failure: Failure) -> bool:
    now_ms = world.clock.now_ms()
    metrics.MIRRORED.labels(failure.kind).inc()
    if isinstance(failure, Throttled):
        again_ms, alone = now_ms + failure.retry_after_ms, False
    else:
        again_ms, alone = await _trouble(world, person, failure, now_ms)
    await world.ledger.mirror.record_not_shown(
        person, worker=world.worker, now_ms=now_ms, again_ms=again_ms, alone=alone
    )
    log.warning("contact_not_mirrored", kind=failure.kind, code=failure.code, again_ms=again_ms, alone=alone)
    return alone


async def _trouble(world: World, person: Person, failure: Failure, now_ms: int) -> tuple[int, bool]:
    """Return when to try again, and whether the failure concerns this contact only."""
    if isinstance(failure, Permanent):
        return now_ms + REFUSED_ROW_RETRY_MS, True
    provider_wide = isinstance(failure, Misconfigured) or failure.code in (NOT_CONNECTED, NETWORK_EDGE)
    at_least_ms = now_ms + (failure.retry_after_ms or 0) if isinstance(failure, Misconfigured) else None
    trouble = await world.ledger.circuits.report_failure(
        MIRROR,
        id=person.id,
        reason=failure.code,
        provider_wide=provider_wide,
        now_ms=now_ms,
        at_least_ms=at_least_ms,
    )
    if trouble is None:
        return now_ms + CONTACT_RETRY_MS, True
    circuit_opened(MIRROR, trouble, reason=failure.code)
    return trouble.until_ms, False
