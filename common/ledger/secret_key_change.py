"""Changes a store's SECRET_KEY: hashes all addresses and phone numbers anew that the ledger still knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.domain.enrollment import ExitReason
from common.domain.ids import EnrollmentId, key_fingerprint
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.store import texts
from common.normalization.phone import mobile_number

AT_ONCE = 500
_LEFT = tuple(reason for reason in ExitReason if reason.is_suppressing)


@dataclass(frozen=True, slots=True)
class KeyChangeResult:
    """
    The result of a key change.

    `suppressed`: number of addresses and phone numbers that stay suppressed under the new key. `lost`: number of hashes
    whose addresses or phone numbers are unknown, so that they match nobody under the new key.
    """

    suppressed: int
    lost: int


@dataclass(slots=True)
class _Carried:
    """`hashes`: the entries of SUPPRESSED under the new key. `moved`: of them, one for each entry of the old key."""

    hashes: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)


async def accept_new_key(ledger: Ledger, secret_key: str, *, now_ms: int) -> KeyChangeResult:
    """
    Make this the store's key. No other process may use the store meanwhile. After a failure, call it again: it starts
    from the beginning.

    An old hash cannot be converted, because it does not contain the address. But each enrollment and guest stores its
    address next to the old hash, and a guest the hash of the number that got its last SMS. Other hashes stay in the
    list, but match nobody any more.
    """
    carried = _Carried()
    async for page in _pages(ledger, keys.enrollment("*")):
        await _hash_addresses(ledger, page, carried, now_ms=now_ms)
    async for page in _pages(ledger, keys.guest("*")):
        await _hash_addresses(ledger, page, carried, now_ms=now_ms)
        await _hash_numbers(ledger, page, carried)
    # Counted after everything is hashed anew, so that a repetition after a failure gets the same number.
    others = int(await ledger.client.hlen(keys.SUPPRESSED)) - len(carried.hashes)
    outdated = int(await ledger.client.get(keys.OUTDATED_HASHES) or 0)
    await _keep(ledger, secret_key, outdated=others)
    return KeyChangeResult(len(carried.hashes), max(0, others - outdated - len(carried.moved)))


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


async def _read(ledger: Ledger, page: Sequence[str], *names: str) -> list[Any]:
    """Return these fields of each HASH in `page`, None where one is missing."""
    pipe = ledger.client.pipeline(transaction=False)
    for key in page:
        pipe.hmget(key, *names)
    answers: list[Any] = texts(await pipe.execute())
    return answers


async def _hash_addresses(ledger: Ledger, page: Sequence[str], carried: _Carried, *, now_ms: int) -> None:
    """
    Hash the address of each owner in `page` with the new key. Suppressions, rests and unsuppressions are copied to the
    new hashes; a contact who left is suppressed even if the old hash is not.

    All or nothing, because afterwards the old hash is unknown.
    """
    answers = await _read(ledger, page, "email", "exit_reason", "ended_ms", "address_hash")
    suppressed = await ledger.store.read_hash(keys.SUPPRESSED)
    returned = await ledger.store.read_hash(keys.UNSUPPRESSED)
    resting = await ledger.store.read_hash(keys.RESTING)
    writing = ledger.client.pipeline(transaction=True)
    for key, (email, reason, ended_ms, old_hash) in zip(page, answers, strict=True):
        if email is None:
            continue
        hashed = ledger.store.address_hash(email)
        writing.hset(key, "address_hash", hashed)
        if old_hash in resting:
            writing.hset(keys.RESTING, hashed, resting[old_hash])
        if old_hash in returned:
            writing.hset(keys.UNSUPPRESSED, hashed, returned[old_hash])
        if old_hash in suppressed:
            writing.hsetnx(keys.SUPPRESSED, hashed, suppressed[old_hash])
            carried.hashes.add(hashed)
            carried.moved.add(hashed)
        elif reason in _LEFT and old_hash not in returned:
            writing.hsetnx(keys.SUPPRESSED, hashed, f"{reason} {int(ended_ms or now_ms)}")
            carried.hashes.add(hashed)
    await writing.execute()


async def _hash_numbers(ledger: Ledger, page: Sequence[str], carried: _Carried) -> None:
    """
    Hash the phone number of each guest in `page` who got an SMS, with its suppression.

    If the guest answered STOP, all their numbers are suppressed, because the old hash does not say which one was
    written to. All or nothing, as for addresses.
    """
    answers = await _read(ledger, page, "number_hash", "contact", "email", "sms_number")
    suppressed = await ledger.store.read_hash(keys.SUPPRESSED)
    writing = ledger.client.pipeline(transaction=True)
    for key, (old_hash, contact, email, sms_number) in zip(page, answers, strict=True):
        if old_hash is None or not (numbers := await _numbers(ledger, contact, email, sms_number)):
            continue
        hashes = [ledger.store.number_hash(number) for number in numbers]
        writing.smove(keys.numbers(old_hash), keys.numbers(hashes[0]), key.removeprefix(keys.guest("")))
        writing.hset(key, "number_hash", hashes[0])
        if text := suppressed.get(old_hash):
            ended = hashes if text.startswith(ExitReason.UNSUBSCRIBED) else hashes[:1]
            for hashed in ended:
                writing.hsetnx(keys.SUPPRESSED, hashed, text)
            carried.hashes.update(ended)
            carried.moved.add(hashes[0])
    await writing.execute()


async def _numbers(
    ledger: Ledger, contact: EnrollmentId | None, email: str | None, sms_number: str | None
) -> list[str]:
    """Return all phone numbers of a guest, first the one that an SMS about their call goes to."""
    signups = [one.assessment async for one in ledger.enrollments.of_guest(contact, email)] if contact and email else []
    given = [number for one in signups for number in one.numbers]
    written = [sms_number, *(one.agreed_number for one in signups), *given]
    return list(dict.fromkeys(number for one in written if one and (number := mobile_number(one))))
