"""A sign of life to somebody outside, who raises the alarm when it stops: an alarm that needs nothing of ours."""

from __future__ import annotations

import asyncio

import httpx
import redis
import structlog

from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import StoreStats, read_store_stats

log = structlog.get_logger(__name__)

EVERY_S = 60
UNSENT_MS = 5 * 60_000
"""Longer than this, nothing that is due stays unsent without a reason."""
HELD_MS = 15 * 60_000
"""A provider's trouble is a reason for so long."""
TIMEOUT_S = 10.0


async def keep_pinging(ledger: Ledger, url: str, *, worker: str) -> None:
    """Until cancelled: once a minute, by one worker of all, while nothing that is due stays unsent."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        while True:
            try:
                if await ledger.client.set(keys.PING, worker, nx=True, px=EVERY_S * 1000 - 500):
                    await ping(ledger, client, url)
            except (redis.RedisError, OSError) as error:
                log.warning("healthcheck_ping_skipped", why="store", error=type(error).__name__)
            # Four looks a minute: when the worker that pinged has died, another one's turn comes soon.
            await asyncio.sleep(EVERY_S / 4)  # noqa: TID251 -- it tells of the schedule, so it cannot stand in it


async def ping(ledger: Ledger, client: httpx.AsyncClient, url: str) -> bool:
    """Whether a ping was sent and taken. Raises redis.RedisError or OSError when the store does not answer."""
    if why := silence(await read_store_stats(ledger)):
        log.warning("healthcheck_ping_skipped", why=why)
        return False
    try:
        answer = await client.get(url)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        # Neither the URL, which is a secret of its own, nor the error's text, which holds it.
        log.warning("ping_not_taken", error=type(error).__name__)
        return False
    return True


def silence(found: StoreStats) -> str | None:
    """
    Why to say nothing, None to ping: mail is due and unsent, or held by a provider's trouble for too long.

    A pause is no reason: whoever paused the campaign knows it. While it lasts, what is due is not looked at.
    """
    if found.pause:
        return None
    if circuit := found.circuits.get("resend"):
        held_ms = found.at_ms - circuit.since_ms
        return "mail held" if max(held_ms, found.due_unsent_ms) > HELD_MS else None
    return "due and unsent" if found.due_unsent_ms > UNSENT_MS else None
