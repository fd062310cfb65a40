"""One worker at a time holds a lease; a worker that ends frees it at once and does not wait for the store."""

from __future__ import annotations

import asyncio

import pytest
import redis
import redis.asyncio

from common.ledger.leases import WorkerLease
from common.ledger.store import Store

KEY = "{advent}:lease"


@pytest.fixture
def lease(store: redis.asyncio.Redis) -> WorkerLease:
    return WorkerLease(Store(store, secret_key="s" * 32, is_patient=True), KEY, lease_ms=60_000)


async def test_one_worker_has_the_lease_and_stores_its_progress(lease: WorkerLease, store: redis.asyncio.Redis) -> None:
    assert await lease.keep("w1", "checking 0")
    assert not await lease.keep("w2", "checking 0")
    assert await lease.keep("w1", "checked 1")

    assert (await lease.text(), await lease.word()) == ("w1 checked 1", "checked 1")
    assert 0 < await store.pttl(KEY) <= 60_000


async def test_worker_frees_only_its_own_lease(lease: WorkerLease) -> None:
    await lease.keep("w1", "reading")
    await lease.leave("w2")
    assert await lease.text() == "w1 reading"

    await lease.leave("w1")
    assert await lease.text() == ""
    assert await lease.keep("w2", "reading")


async def test_lease_is_taken_once_until_it_is_left(lease: WorkerLease) -> None:
    assert [await lease.take("w1"), await lease.take("w1"), await lease.take("w2")] == [True, False, False]

    await lease.leave("w1")
    assert await lease.take("w2")


@pytest.mark.parametrize("trouble", ["refused", "silent"])
async def test_leaving_a_lease_does_not_wait_for_the_store(
    lease: WorkerLease, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    await lease.keep("w1", "reading")

    async def away(*_args: object, **_options: object) -> None:
        if trouble == "refused":
            raise redis.ConnectionError(trouble)
        await asyncio.Event().wait()

    monkeypatch.setattr(redis.asyncio.Redis, "execute_command", away)
    patient = WorkerLease(Store(redis.asyncio.Redis(), secret_key="s" * 32, is_patient=True), KEY, lease_ms=60_000)
    await asyncio.wait_for(patient.leave("w1"), 5)
