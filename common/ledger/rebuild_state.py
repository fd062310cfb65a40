"""
Whether this store needs a rebuild from Notion. Every worker checks it before it takes its first job.

    `rebuilt` absent, no enrollment classified yet → `owed`: the store is empty, apart from signups that may be waiting
    `rebuilt` absent, enrollments classified       → `never`: the store has its contacts
    `owed`, and Notion was read                    → `done`
    `rebuilt` absent while workers use the store   → `owed`: the store was emptied or replaced under them

One worker at a time rebuilds: the holder of a lease, whose word tells the others whether to wait before they work.
"""

from __future__ import annotations

from typing import Final, Literal

from common.ledger import keys
from common.ledger.leases import WorkerLease
from common.ledger.ledger import Ledger

LEASE_MS: Final = 10_000

Word = Literal["reading", "later"]
"""`reading`: others wait. `later`: Notion did not answer, so jobs are fetched, and Notion is merged in later."""

_KNOWN = ("active", "completed", "exited")


def rebuild_lease(ledger: Ledger) -> WorkerLease:
    """Return the lease for the rebuild. Its holder must renew it, with a `Word`, well within 10 s."""
    return WorkerLease(ledger.store, keys.REBUILDING, lease_ms=LEASE_MS)


async def is_owed(ledger: Ledger, *, now_ms: int) -> bool:
    """Return whether Notion must be read. This is decided once for each store, before any worker uses it."""
    if not await _text(ledger, keys.REBUILT):
        counted = await ledger.store.read_hash(keys.COUNTS)
        word = "never" if any(int(counted.get(status, 0)) for status in _KNOWN) else "owed"
        await ledger.store.call(lambda: ledger.client.set(keys.REBUILT, f"{word} {now_ms}", nx=True))
    return (await _text(ledger, keys.REBUILT)).startswith("owed")


async def is_emptied(ledger: Ledger, *, now_ms: int) -> bool:
    """
    Return whether the store was emptied: it had `rebuilt` and lost it. To be called by workers that use the store.

    Notion must then be read, even if contacts have signed up since. Of several callers only one gets True.
    """
    if await _text(ledger, keys.REBUILT):
        return False
    return bool(await ledger.store.call(lambda: ledger.client.set(keys.REBUILT, f"owed {now_ms}", nx=True)))


async def record_rebuild_done(ledger: Ledger, *, now_ms: int) -> None:
    """Record that Notion was read completely, so that it is not read again."""
    await ledger.store.call(lambda: ledger.client.set(keys.REBUILT, f"done {now_ms}"))


async def _text(ledger: Ledger, key: str) -> str:
    """Return the text of a STRING, or "" when there is none."""
    held = await ledger.store.call(lambda: ledger.client.get(key))
    return held.decode() if isinstance(held, bytes) else held or ""
