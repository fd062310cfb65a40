"""This version reads the store that 0.1.0 wrote: every contact, delivery and booking."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis.asyncio
from dotenv import dotenv_values

from common.domain.delivery import DeliveryStatus
from common.domain.ids import address_hash
from common.ledger import codec, keys
from common.ledger.booking_codec import read_booking
from common.ledger.store import texts
from common.migration import format_2
from common.migration.result import MigrationResult
from common.store.clients import connect
from tests.recorded_store import keyspace
from tests.recorded_store.recording import FOLDER

RECORDED = FOLDER / "0.1.0"
SECRET = str(dotenv_values(RECORDED / "data_dir" / "secrets.env")["SECRET_KEY"])


@pytest.fixture
async def before(store: redis.asyncio.Redis, store_url: str) -> dict[str, Any]:
    """Load the store as 0.1.0 left it. Return its HASHes by key."""
    with connect(store_url) as client:
        keyspace.load(client, (RECORDED / "store.jsonl").read_text().splitlines())
    return await _hashes(store)


async def _hashes(store: redis.asyncio.Redis) -> dict[str, Any]:
    found = {}
    async for key in store.scan_iter(count=1_000):
        if await store.type(key) == b"hash" and b":queue:" not in key:
            found[key.decode()] = texts(await store.hgetall(key))
    return found


async def _migrate(store: redis.asyncio.Redis, report: Callable[[str], None] = lambda _line: None) -> MigrationResult:
    return await format_2.migrate(store, report, secret_key=SECRET)


def _family(hashes: dict[str, Any], family: str) -> dict[str, Any]:
    prefix = f"{keys.PREFIX}{family}:"
    return {key.removeprefix(prefix): fields for key, fields in hashes.items() if key.startswith(prefix)}


async def test_migrated_enrollments_are_read_with_all_their_fields(
    store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    result = await _migrate(store)

    after = _family(await _hashes(store), "enrollment")
    old = _family(before, "enrollment")
    assert len(old) == len(after) == result.people > 20
    for name, was in old.items():
        enrollment = codec.read_enrollment(name, after[name])
        assert enrollment.assessment.email == was["e"]
        assert (enrollment.status, enrollment.anchor_ms) == (was["st"], int(was["a"]))
        assert (enrollment.next_step, enrollment.next_due_ms) == (
            int(was["n"]) if "n" in was else None,
            int(was["d"]) if "d" in was else None,
        )
        ended = {int(field[1:]): codec.read_record(text) for field, text in was.items() if field[1:].isdigit()}
        assert enrollment.records == ended
        assert (enrollment.revision, enrollment.mirrored_revision) == (int(was.get("r", 0)), int(was.get("v", 0)))
        assert after[name]["address_hash"] == address_hash(SECRET, was["e"])


async def test_every_migrated_open_delivery_is_recorded_with_its_owner(
    store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    result = await _migrate(store)

    hashes = await _hashes(store)
    old, after = _family(before, "delivery"), _family(hashes, "delivery")
    assert old.keys() == after.keys()
    assert len(old) == result.deliveries > 3
    for delivery, was in old.items():
        owner, _, name = delivery.partition("/")
        record = codec.read_records(hashes[keys.owner(owner)])[name]
        expected = DeliveryStatus.DEAD if await store.zscore(keys.DEAD, delivery) else DeliveryStatus.PLANNED
        assert record.status is expected
        kept = after[delivery]
        assert (kept.get("claim_id"), kept.get("payload")) == (was.get("worker"), was.get("frozen"))
        assert (kept.get("outcome_unknown"), kept.get("in_progress")) == (was.get("doubt"), was.get("unknown"))
        assert kept.get("first_attempt_ms") == was.get("first")


async def test_every_migrated_booking_has_a_guest_with_its_reminders(
    store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    result = await _migrate(store)

    hashes = await _hashes(store)
    old, after = _family(before, "meeting"), _family(hashes, "guest")
    assert old.keys() == after.keys()
    assert len(old) == result.bookings > 3
    for name, was in old.items():
        assert after[name]["campaign"] == was["campaign"]
        if "uid" not in was:
            continue  # Its first event had not been processed.
        booking = read_booking(name, after[name])
        assert (booking.uid, booking.state, booking.start_ms) == (was["uid"], was["stand"], int(was["start"]))
        assert {f"r:{reminder}" for reminder in codec.read_records(after[name])} == {
            field for field in was if field.startswith("r:")
        }
        assert after[name]["address_hash"] == address_hash(SECRET, was["email"])


async def test_no_field_of_the_old_format_is_left(store: redis.asyncio.Redis, before: dict[str, Any]) -> None:
    assert before
    await _migrate(store)

    for key, fields in (await _hashes(store)).items():
        family = key.removeprefix(keys.PREFIX).partition(":")[0]
        if family in ("enrollment", "contact", "guest", "delivery", "circuit", "counts"):
            short = {name for name in fields if len(name) < 3 or name[1:2] == ":" or name.startswith("fate:")}
            assert not short, f"{key} still has {short}"


async def test_a_second_run_changes_nothing(store: redis.asyncio.Redis, before: dict[str, Any]) -> None:
    assert before
    await _migrate(store)
    once = await _hashes(store)

    await _migrate(store)

    assert await _hashes(store) == once


@pytest.mark.parametrize("done", range(0, 40, 3))
async def test_a_run_that_was_killed_is_repeated(
    store: redis.asyncio.Redis, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    assert before
    monkeypatch.setattr(format_2, "BATCH", 3)
    await _killed_after(store, done, monkeypatch)
    await _migrate(store)
    interrupted = await _hashes(store)

    await store.flushall()
    for key, fields in before.items():
        await store.hset(key, mapping=fields)
    await store.sadd(keys.PREFIX + "enrolled", *_family(before, "enrollment"))
    await _migrate(store)

    assert interrupted == await _hashes(store)


async def _killed_after(store: redis.asyncio.Redis, batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    change = format_2._Step._change
    left = batches

    async def counted(self: Any, batch: Any, how: Any) -> int:
        nonlocal left
        if left == 0:
            raise ConnectionError("killed")
        left -= 1
        return await change(self, batch, how)

    with monkeypatch.context() as patched:
        patched.setattr(format_2._Step, "_change", counted)
        with suppress(ConnectionError):
            await _migrate(store)


async def test_migrated_bookings_recorded_as_moved_are_processed_again(
    store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    known = await store.zrange(keys.BOOKINGS, 0, -1)
    await _migrate(store)

    moved = {name for name, fields in _family(await _hashes(store), "guest").items() if fields.get("state") == "moved"}
    assert moved
    assert {name.decode() for name in await store.zrange(keys.BOOKINGS, 0, -1)} == moved | {n.decode() for n in known}
