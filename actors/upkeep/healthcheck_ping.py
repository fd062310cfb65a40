"""Ping an external monitoring service, which raises an alarm when the pings stop, even if nothing works here."""

from __future__ import annotations

import httpx
import structlog

from common.background import repeat
from common.health_checks import Level, Limits, check_health
from common.ledger import keys
from common.ledger.leases import WorkerLease
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import StoreStats, read_store_stats

log = structlog.get_logger(__name__)

EVERY_S = 60
LIMITS = Limits(late_ms=5 * 60_000, outage_ms=15 * 60_000)
MAIL_ASPECTS = ("due", "resend", "hold")
TIMEOUT_S = 10.0


async def keep_pinging(ledger: Ledger, url: str, *, worker: str) -> None:
    """Until cancelled, ping once a minute, from one worker of all, unless due mail stays unsent."""
    turn = WorkerLease(ledger.store, keys.PING, lease_ms=EVERY_S * 1000 - 500)
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:

        async def ping_in_turn() -> None:
            if await turn.take(worker):
                await ping(ledger, client, url)

        # Four tries a minute, so that another worker soon takes over from one that has died.
        await repeat("healthcheck_ping", ping_in_turn, every_s=EVERY_S / 4)


async def ping(ledger: Ledger, client: httpx.AsyncClient, url: str) -> bool:
    """
    Ping, unless there is a reason for silence. Return whether the ping was sent and accepted.

    Raises redis.RedisError or OSError when the store does not answer.
    """
    if why := reason_for_silence(await read_store_stats(ledger)):
        log.warning("healthcheck_ping_skipped", why=why)
        return False
    try:
        answer = await client.get(url)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        # Log neither the URL, which is a secret, nor the error's text, which contains it.
        log.warning("ping_not_taken", error=type(error).__name__)
        return False
    return True


def reason_for_silence(stats: StoreStats) -> str | None:
    """
    Return why not to ping: mail is late, or has waited too long for Resend or for a hold. None: send the ping.

    A pause excuses late mail: the operator who paused all sending knows about it.
    """
    if stats.pause is not None:
        return None
    findings = check_health(stats, limits=LIMITS)
    broken = (each for each in findings if each.name in MAIL_ASPECTS and each.level is Level.BROKEN)
    return next((finding.sentence for finding in broken), None)
