"""Logs when a provider's circuit opens or closes, and keeps the gauges of this worker up to date."""

from __future__ import annotations

import structlog

from common.ledger import keys
from common.ledger.circuits import CircuitOpen
from common.ledger.constants import MAIL, MIRROR
from common.ledger.deliveries import Settled
from common.ledger.ledger import Ledger
from common.observability import metrics

log = structlog.get_logger(__name__)

_PROVIDERS = (MAIL, MIRROR)


def circuit_opened(provider: str, circuit: CircuitOpen, *, reason: str) -> None:
    """
    `circuit_opened`: an error, logged once, by the worker whose request opened the circuit.

    A probe that fails for another reason logs a warning; one that fails for the same reason logs nothing.
    """
    metrics.CIRCUIT_OPEN.labels(provider).set(1)
    if circuit.news == "opened":
        log.error("circuit_opened", provider=provider, reason=reason, until_ms=circuit.until_ms)
    elif circuit.news == "changed":
        log.warning("circuit_reason_changed", provider=provider, reason=reason, until_ms=circuit.until_ms)


def circuit_closed(provider: str, settled: Settled, *, now_ms: int) -> None:
    """`circuit_closed`, with how long it lasted, when this request closed the circuit; otherwise nothing."""
    if settled.troubled_since_ms is None:
        return
    metrics.CIRCUIT_OPEN.labels(provider).set(0)
    lasted_s = round((now_ms - settled.troubled_since_ms) / 1000, 1)
    log.info("circuit_closed", provider=provider, lasted_s=lasted_s)


async def update_gauges(ledger: Ledger) -> None:
    """Bring this worker's gauges up to date: another one may have opened or closed a circuit."""
    for provider in _PROVIDERS:
        is_open = await ledger.client.hexists(keys.circuit(provider), "until_ms")
        metrics.CIRCUIT_OPEN.labels(provider).set(int(is_open))
    metrics.PAUSED.set(int(await ledger.pauses.is_everybody_paused()))
