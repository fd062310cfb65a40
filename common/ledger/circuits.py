"""Circuit breakers: whether and until when everything waits for a provider; logs when a circuit opens or closes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import structlog

from common.ledger import keys
from common.ledger.constants import QUEUE_OF
from common.ledger.store import Store
from common.observability import metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CircuitOpen:
    """
    An open circuit: everything waits for the provider until `until_ms`.

    `news`: `opened` if this failure opened the circuit, `changed` if it changed the reason, "" if it changed neither.
    """

    until_ms: int
    news: Literal["opened", "changed", ""]


class Circuits:
    """The circuits of all providers. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def report_failure(
        self, provider: str, *, id: str, reason: str, provider_wide: bool, now_ms: int, at_least_ms: int | None = None
    ) -> CircuitOpen | None:
        """
        Record that the request for `id` failed. Return the circuit if it is open now, else None.

        `provider_wide`: every request would fail, so the circuit opens at once; otherwise it opens after failures of
        three different ids without a success in between. `at_least_ms`: the provider demands a wait until this time.
        """
        until_ms, news = await self._store.run_json(
            "circuits.report_failure",
            [keys.circuit(provider)],
            {
                "id": id,
                "reason": reason,
                "provider_wide": provider_wide or None,
                "now_ms": now_ms,
                "at_least_ms": at_least_ms,
                "queue": QUEUE_OF.get(provider),
            },
        )
        return CircuitOpen(int(until_ms), news) if until_ms else None

    async def open_until(self, provider: str, *, now_ms: int) -> int | None:
        """Return the time until which everything waits for this provider, or None if nothing waits."""
        until_ms = await self._store.run("circuits.open_until", [keys.circuit(provider)], [now_ms])
        return int(until_ms) or None


def circuit_opened(provider: str, circuit: CircuitOpen, *, reason: str) -> None:
    """
    Log `circuit_opened`: an error, logged once, by the worker whose request opened the circuit.

    A probe that fails for another reason logs a warning; one that fails for the same reason logs nothing.
    """
    metrics.CIRCUIT_OPEN.labels(provider).set(1)
    if circuit.news == "opened":
        log.error("circuit_opened", provider=provider, reason=reason, until_ms=circuit.until_ms)
    elif circuit.news == "changed":
        log.warning("circuit_reason_changed", provider=provider, reason=reason, until_ms=circuit.until_ms)


def circuit_closed(provider: str, *, since_ms: int | None, now_ms: int) -> None:
    """Log `circuit_closed` and how long it was open; nothing if this request closed no circuit (`since_ms` is None)."""
    if since_ms is None:
        return
    metrics.CIRCUIT_OPEN.labels(provider).set(0)
    log.info("circuit_closed", provider=provider, lasted_s=round((now_ms - since_ms) / 1000, 1))
