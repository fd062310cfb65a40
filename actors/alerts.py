"""One alert when everybody begins to wait for a provider, one line when nobody has to any longer."""

from __future__ import annotations

import structlog

from common import metrics
from common.ledger import keys
from common.ledger.answers import Settled, Trouble
from common.ledger.ledger import Ledger
from common.ledger.pauses import is_paused
from common.ledger.terms import MAIL, MIRROR

log = structlog.get_logger(__name__)

_WORDS = {MAIL: "mail", MIRROR: "mirror"}


def held(provider: str, trouble: Trouble, *, reason: str) -> None:
    """
    `mail_held`, or `mirror_held` for Notion: an error, once, by the worker whose request tipped it.

    A probe that fails in another way says so, as a warning; one that fails in the same way says nothing.
    """
    metrics.CIRCUIT_OPEN.labels(provider).set(1)
    if trouble.news == "opened":
        log.error(f"{_WORDS[provider]}_held", provider=provider, reason=reason, until_ms=trouble.until_ms)
    elif trouble.news == "changed":
        log.warning(f"{_WORDS[provider]}_still_held", provider=provider, reason=reason, until_ms=trouble.until_ms)


def released(provider: str, settled: Settled, *, now_ms: int) -> None:
    """`mail_released`, with how long it lasted, when this request ended the trouble; else nothing."""
    if settled.troubled_since_ms is None:
        return
    metrics.CIRCUIT_OPEN.labels(provider).set(0)
    lasted_s = round((now_ms - settled.troubled_since_ms) / 1000, 1)
    log.info(f"{_WORDS[provider]}_released", provider=provider, lasted_s=lasted_s)


async def show(ledger: Ledger) -> None:
    """Bring this worker's gauges up to date: another one may have met the trouble, or ended it."""
    for provider in _WORDS:
        is_open = await ledger.client.hexists(keys.circuit(provider), "until")
        metrics.CIRCUIT_OPEN.labels(provider).set(int(is_open))
    metrics.PAUSED.set(int(await is_paused(ledger)))
