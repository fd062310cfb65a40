"""
Does this store owe a rebuild? Asked by every worker before it takes its first job.

    rebuilt absent, nobody classified here yet   → `owed`: an empty store, though signups may be waiting in it already
    rebuilt absent, people known                 → `never`: a store that has its people
    owed, and Notion was read                    → `done`
    rebuilt absent although somebody worked here → `owed`: it was emptied, or replaced, under the workers

One worker at a time does it: the holder of a lease, whose word tells the others whether to wait with their own work.
"""

from __future__ import annotations

from typing import Final, Literal

from common.ledger import keys
from common.ledger.leases import WorkerLease
from common.ledger.ledger import Ledger

LEASE_MS: Final = 10_000

Word = Literal["reading", "later"]
"""`reading`: wait for it. `later`: Notion did not answer; jobs are fetched, and what Notion says is merged later."""

_KNOWN = ("active", "completed", "exited")


def rebuild_lease(ledger: Ledger) -> WorkerLease:
    """To be kept well within 10 s, with a `Word`."""
    return WorkerLease(ledger.store, keys.REBUILDING, lease_ms=LEASE_MS)


async def is_owed(ledger: Ledger, *, now_ms: int) -> bool:
    """Whether Notion has to be read; decided once for a store, before anybody works on it."""
    if not await _text(ledger, keys.REBUILT):
        counted = await ledger.store.read_hash(keys.COUNTS)
        word = "never" if any(int(counted.get(status, 0)) for status in _KNOWN) else "owed"
        await ledger.store.patiently(lambda: ledger.client.set(keys.REBUILT, f"{word} {now_ms}", nx=True))
    return (await _text(ledger, keys.REBUILT)).startswith("owed")


async def is_emptied(ledger: Ledger, *, now_ms: int) -> bool:
    """
    Whether a store that had its word has lost it, and with it everybody; asked by those who work on it.

    Then Notion has to be read, also when contacts have signed up since. Of several callers, one gets the task.
    """
    if await _text(ledger, keys.REBUILT):
        return False
    return bool(await ledger.store.patiently(lambda: ledger.client.set(keys.REBUILT, f"owed {now_ms}", nx=True)))


async def settled(ledger: Ledger, *, now_ms: int) -> None:
    """Notion was read to its end: nobody need do it again."""
    await ledger.store.patiently(lambda: ledger.client.set(keys.REBUILT, f"done {now_ms}"))


async def _text(ledger: Ledger, key: str) -> str:
    """What a STRING holds, "" when there is none."""
    held = await ledger.store.patiently(lambda: ledger.client.get(key))
    return held.decode() if isinstance(held, bytes) else held or ""
