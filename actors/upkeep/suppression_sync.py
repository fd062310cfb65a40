"""Sync Resend's suppression list with ours: its addresses are suppressed here; contacts who left are added there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import structlog

from actors.upkeep.last_read import last_read_ms
from common.background import repeat
from common.domain.enrollment import ExitReason
from common.domain.suppression import ListedSuppression
from common.errors import Failure, Permanent, Throttled
from common.ledger import keys
from common.ledger.leases import WorkerLease
from common.ledger.suppressions import Unlisted, UnsuppressRequest
from common.providers.protocols import SuppressionList
from common.world import World

log = structlog.get_logger(__name__)

EVERY_S = 15
READ_EVERY_MS = 3_600_000
WHOLE_EVERY_MS = 24 * READ_EVERY_MS
OVERLAP_MS = 900_000
"""Each reading begins this long before the last one, because clocks differ."""

LEASE_MS = 600_000
"""How long one worker has the list. After a failure it keeps the lease, so that no worker tries again too soon."""


async def run_suppression_sync(world: World) -> None:
    """
    Until cancelled, write what waits, and read the list once an hour; one worker of all at a time.

    The requests share the rate limit with mail, so a worker that has just started first sends what is due.
    """
    await repeat("suppression_sync", lambda: sync_when_free(world), every_s=EVERY_S, at_once=False)


async def sync_when_free(world: World) -> None:
    """Sync once, unless another worker is doing so. Without a list there is nothing to do."""
    suppression_list = world.suppression_list
    lease = WorkerLease(world.ledger.store, keys.SUPPRESSION_LIST_WORKER, lease_ms=LEASE_MS)
    if suppression_list is None or not await lease.take(world.worker):
        return
    try:
        await process_unsuppress_requests(world, suppression_list)
        await write_unlisted(world, suppression_list)
        await read_when_due(world, suppression_list)
    except Failure as failure:
        reason = f"{failure.code} ({failure.status})" if failure.status else failure.code
        log.warning("suppression_list_unavailable", reason=reason, kind=failure.kind)
        if not isinstance(failure, Throttled):
            return
    await lease.leave(world.worker)


async def write_unlisted(world: World, suppression_list: SuppressionList) -> int:
    """
    Add contacts who left all mail to Resend's list too, as a second protection. Return how many were written.

    In a rehearsal nothing is written.
    """
    if world.settings.is_rehearsal:
        return 0
    unlisted = await world.ledger.suppressions.unlisted()
    for contact in unlisted:
        await _write(world, suppression_list, contact)
    if unlisted:
        log.info("suppressions_written", rows=len(unlisted))
    return len(unlisted)


async def process_unsuppress_requests(world: World, suppression_list: SuppressionList) -> int:
    """
    Unsuppress the contacts requested at the console, first on Resend's list, then on ours; never after a complaint.

    Return how many were unsuppressed.
    """
    done = 0
    for request in await world.ledger.suppressions.unsuppress_requests():
        refused = await _refusal(world, suppression_list, request)
        if refused is None:
            done += 1
            await world.ledger.suppressions.finish_request(request.contact_id)
        else:
            log.warning("unsuppress_refused", enrollment_id=request.contact_id, reason=refused)
            detail = f"{_in_words(refused)}; asked for {request.detail}"
            await world.ledger.suppressions.refuse_request(
                request.contact_id, detail=detail, now_ms=world.clock.now_ms()
            )
    return done


def _in_words(refused: str) -> str:
    if refused == "complained":
        return "this contact reported our mail as spam; that cannot be undone"
    return f"Resend refused to remove the address from its list ({refused}); fix that, then request it again"


async def _refusal(world: World, suppression_list: SuppressionList, request: UnsuppressRequest) -> str | None:
    """Unsuppress a contact. Return why not; None: it is done. Our ledger is read before Resend's list is changed."""
    suppressions, address = world.ledger.suppressions, request.address
    if address is None:
        return "forgotten"
    known = await suppressions.of(address)
    if known is not None and known.reason is ExitReason.COMPLAINED:
        return "complained"
    try:
        if await suppression_list.origin_of(address) == "complaint":
            return "complained"
        if not world.settings.is_rehearsal:
            await suppression_list.remove(address)
    except Permanent as refused:
        return refused.code
    answer = await suppressions.unsuppress(address, detail=request.detail, now_ms=world.clock.now_ms())
    return answer if answer == "complained" else None


async def _write(world: World, suppression_list: SuppressionList, contact: Unlisted) -> None:
    try:
        if contact.address is not None:
            await suppression_list.add(contact.address)
    except Permanent as refused:
        # An address that the list refuses receives no mail either.
        log.warning("suppression_not_written", enrollment_id=contact.contact_id, reason=refused.code)
    await world.ledger.suppressions.note_listed(contact.contact_id)


async def read_when_due(world: World, suppression_list: SuppressionList) -> int:
    """Once an hour read what is new on the list, once a day all of it. Return how many addresses were new here."""
    now_ms = world.clock.now_ms()
    read = await world.ledger.store.read_hash(keys.SUPPRESSION_LIST)
    changes_ms, whole_ms = (last_read_ms(read.get(name), now_ms=now_ms) for name in ("changes_ms", "whole_ms"))
    if now_ms < changes_ms + READ_EVERY_MS:
        return 0
    is_whole = now_ms >= whole_ms + WHOLE_EVERY_MS
    new = 0
    async for page in _back_to(suppression_list.pages(), 0 if is_whole else changes_ms - OVERLAP_MS):
        new += await world.ledger.suppressions.suppress_listed(page, now_ms=now_ms)
    done: dict[Any, Any] = {"changes_ms": now_ms} | ({"whole_ms": now_ms} if is_whole else {})
    await world.ledger.store.call(lambda: world.ledger.client.hset(keys.SUPPRESSION_LIST, mapping=done))
    log.info("suppression_list_read", what="all" if is_whole else "changes", rows=new)
    return new


async def _back_to(
    pages: AsyncIterator[Sequence[ListedSuppression]], since_ms: int
) -> AsyncIterator[Sequence[ListedSuppression]]:
    """Yield the pages down to the first one that ends with an entry older than `since_ms`."""
    async for page in pages:
        yield page
        if page and page[-1].created_ms < since_ms:
            return
