"""Findings about receiving and storing events: gateway, spool and store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from common.formatting import as_sentence, count, duration
from common.gateway_status import GatewayStatus
from common.health.finding import Finding, Level
from common.ledger.reads.store_stats import StoreStats
from common.store.refusals import Refusal, refusal_of


def check_gateway(status: GatewayStatus | None, *, url: str = "") -> Iterator[Finding]:
    """Yield the findings about a gateway. `status`: None when the gateway at `url` does not answer."""
    if status is None:
        yield Finding("gateway", Level.BROKEN, f"{url} does not answer", "Start the gateway, or look at its log.")
        return
    if status.clock_ahead_ms:
        apart = f"{duration(abs(status.clock_ahead_ms))} {'ahead' if status.clock_ahead_ms > 0 else 'behind'}"
        cure = "It refuses signed webhooks whose timestamp is far from its clock. Synchronize the clock with NTP."
        yield Finding("gateway", Level.BROKEN, f"the clock of its machine is {apart}", cure)
    elif status.is_ready:
        yield Finding("gateway", Level.OK, "accepts events")
    else:
        cure = "Start the store, or make room for the spool."
        yield Finding("gateway", Level.BROKEN, "accepts no events: neither store nor spool can be written", cure)
    yield _spool(status)


def _spool(status: GatewayStatus) -> Finding:
    if status.spool_events:
        cure = "They arrived while the store was away and are being replayed. If this lasts, look at the gateway's log."
        return Finding("spool", Level.BROKEN, f"{count(status.spool_events, 'event')} on the gateway's disk", cure)
    if status.spool_status != "writable":
        cure = "While the store is away signups would be lost. Make room, or repair the disk."
        return Finding("spool", Level.BROKEN, f"the spool cannot be written: {status.spool_status}", cure)
    return Finding("spool", Level.OK, "empty")


def check_unreachable_store(error: Exception) -> Finding:
    """Return the finding about a store that does not answer. `error`: what its client raised."""
    if (refusal := refusal_of(error)) is not None:
        return _refused(refusal)
    cure = "Signups go to the gateway's spool and mail waits. Start the store, or correct REDIS_URL."
    return Finding("store", Level.BROKEN, f"the data store does not answer ({type(error).__name__})", cure)


def check_store(stats: StoreStats, warnings: Sequence[str]) -> Finding:
    if stats.refusal is not None:
        return _refused(stats.refusal)
    missing = [promise for promise, is_kept in stats.durability.items() if not is_kept]
    if not warnings and not missing:
        return Finding("store", Level.OK, "answers, durable")
    cure = " ".join(map(as_sentence, warnings)) or "`advent check` names the setting to change."
    detail = f" ({', '.join(missing)})" if missing else ""
    return Finding("store", Level.BROKEN, f"the data store is misconfigured{detail}", cure)


def _refused(refusal: Refusal) -> Finding:
    return Finding("store", Level.BROKEN, f"the data store {refusal.reason}", as_sentence(refusal.cure))
