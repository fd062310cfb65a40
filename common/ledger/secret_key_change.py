"""Changes a store's SECRET_KEY: hashes all addresses anew that the ledger still knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.enrollment import ExitReason
from common.domain.ids import key_fingerprint
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.store import texts

AT_ONCE = 500
_LEFT = tuple(reason for reason in ExitReason if reason.is_suppressing)


@dataclass(frozen=True, slots=True)
class KeyChangeResult:
    """
    The result of a key change.

    `suppressed`: number of addresses that stay suppressed under the new key. `lost`: number of hashes whose addresses
    are unknown, so that they match nobody under the new key.
    """

    suppressed: int
    lost: int


async def accept_new_key(ledger: Ledger, secret_key: str, *, now_ms: int) -> KeyChangeResult:
    """
    Make this the store's key. No other process may use the store meanwhile. After a failure, call it again: it starts
    from the beginning.

    An old hash cannot be converted, because it does not contain the address. Of a suppressed contact, the address is
    known only from an enrollment that ended because they left. Hashes of contacts who were never enrolled stay in the
    list, but match nobody any more.
    """
    hashes = set[str]()
    async for page in _pages(ledger, keys.enrollment("*")):
        hashes |= await _hash_again(ledger, page, now_ms=now_ms)
    async for page in _pages(ledger, keys.guest("*")):
        await _hash_again(ledger, page, now_ms=now_ms)
    # Counted after all addresses are hashed anew, so that a repetition after a failure gets the same number.
    others = int(await ledger.client.hlen(keys.SUPPRESSED)) - len(hashes)
    outdated = int(await ledger.client.get(keys.OUTDATED_HASHES) or 0)
    await _keep(ledger, secret_key, outdated=others)
    return KeyChangeResult(len(hashes), max(0, others - outdated - len(hashes)))


async def _keep(ledger: Ledger, secret_key: str, *, outdated: int) -> None:
    pipe = ledger.client.pipeline(transaction=True)
    pipe.set(keys.SECRET_KEY, key_fingerprint(secret_key))
    pipe.set(keys.OUTDATED_HASHES, outdated)
    await pipe.execute()


async def _pages(ledger: Ledger, pattern: str) -> AsyncIterator[list[str]]:
    page: list[str] = []
    async for key in ledger.client.scan_iter(match=pattern, count=1_000):
        page.append(key.decode())
        if len(page) == AT_ONCE:
            yield page
            page = []
    if page:
        yield page


async def _hash_again(ledger: Ledger, page: Sequence[str], *, now_ms: int) -> set[str]:
    """
    Hash the address of each owner in `page` with the new key, and suppress the new hashes of contacts who left.

    Rests and unsuppressions are copied to the new hashes too. Returns the suppressed hashes.
    """
    pipe = ledger.client.pipeline(transaction=False)
    for key in page:
        pipe.hmget(key, "email", "exit_reason", "ended_ms", "address_hash")
    answers: list[Any] = texts(await pipe.execute())
    returned = await ledger.store.read_hash(keys.UNSUPPRESSED)
    resting = await ledger.store.read_hash(keys.RESTING)
    hashes, writing = set[str](), ledger.client.pipeline(transaction=False)
    for key, (email, reason, ended_ms, old_hash) in zip(page, answers, strict=True):
        if email is None:
            continue
        hashed = ledger.store.address_hash(email)
        writing.hset(key, "address_hash", hashed)
        if old_hash in resting:
            writing.hset(keys.RESTING, hashed, resting[old_hash])
        if old_hash in returned:
            writing.hset(keys.UNSUPPRESSED, hashed, returned[old_hash])
        elif reason in _LEFT:
            writing.hsetnx(keys.SUPPRESSED, hashed, f"{reason} {int(ended_ms or now_ms)}")
            hashes.add(hashed)
    await writing.execute()
    return hashes
