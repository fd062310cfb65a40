"""This version reads the store that 0.2.0 wrote: one mailbox is one contact, and contacts who left get no mail."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import redis.asyncio
from dotenv import dotenv_values

from common.domain.cadence import Cadence
from common.domain.ids import address_hash, enrollment_id
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.ledger.store import texts
from common.migration import format_3, mailboxes
from common.migration.result import MigrationResult
from common.store.clients import connect
from tests.recorded_store import keyspace
from tests.recorded_store.recording import FOLDER
from tests.recorded_store.scenario import address

RECORDED = FOLDER / "0.2.0"
SECRET = str(dotenv_values(RECORDED / "data_dir" / "secrets.env")["SECRET_KEY"])
CAMPAIGN = "christmas_2025"


@pytest.fixture
async def before(store: redis.asyncio.Redis, store_url: str) -> dict[str, Any]:
    """Load the store as 0.2.0 left it. Return its HASHes by key."""
    with connect(store_url) as client:
        keyspace.load(client, (RECORDED / "store.jsonl").read_text().splitlines())
    return await _hashes(store)


@pytest.fixture
def ledger(store: redis.asyncio.Redis) -> Ledger:
    return Ledger(store, campaign=CAMPAIGN, cadence=Cadence((0,), 0), secret_key=SECRET)


async def _hashes(store: redis.asyncio.Redis) -> dict[str, Any]:
    found = {}
    async for key in store.scan_iter(count=1_000):
        if await store.type(key) == b"hash" and b":queue:" not in key:
            found[key.decode()] = texts(await store.hgetall(key))
    return found


async def _migrate(store: redis.asyncio.Redis) -> MigrationResult:
    return await format_3.migrate(store, lambda _line: None, secret_key=SECRET)


def _spelled(name: str) -> str:
    return enrollment_id(CAMPAIGN, address(name))


async def test_every_migrated_enrollment_keeps_its_id_and_fields(
    store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    await _migrate(store)

    after = await _hashes(store)
    enrollments = [key for key in before if key.startswith(keys.enrollment(""))]
    assert len(enrollments) > 25
    for key in enrollments:
        assert before[key] | {"address_hash": ""} == after[key] | {"address_hash": ""}
        assert codec.read_enrollment(key.removeprefix(keys.enrollment("")), after[key])


async def test_migrated_mailbox_finds_the_first_signup(
    ledger: Ledger, store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    assert before
    await _migrate(store)

    assert _spelled("tagged+one") == await ledger.mailboxes.find("tagged@people.example")
    assert _spelled("tagged+two") == await ledger.mailboxes.find(address("tagged+two"))
    assert _spelled("waiting2") == await ledger.mailboxes.find("waiting2+more@people.example")


async def test_suppression_is_migrated_to_every_spelling_of_the_mailbox(
    ledger: Ledger, store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    old = address_hash(SECRET, address("tagged_left+news"))
    assert old in before[keys.SUPPRESSED]
    await _migrate(store)

    hashed = ledger.store.address_hash("tagged_left@people.example")
    suppressed = texts(await store.hgetall(keys.SUPPRESSED))
    assert before[keys.SUPPRESSED][old] == suppressed[hashed]
    assert old not in suppressed
    assert hashed == await _field(store, keys.ALIASES, old)
    assert len(before[keys.SUPPRESSED]) == len(suppressed)


async def test_suppressed_addresses_known_by_a_hash_only_are_counted(
    store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    assert before
    result = await _migrate(store)

    assert [note.partition(":")[0] for note in result.notes] == ["2 suppressed addresses are known by a hash only"]


async def test_unenrolled_contact_with_a_call_is_migrated_to_the_mailbox(
    ledger: Ledger, store: redis.asyncio.Redis, before: dict[str, Any]
) -> None:
    assert keys.contact(_spelled("tagged_caller+call")) in before
    await _migrate(store)

    contact = await ledger.mailboxes.find(address("tagged_caller+call"))
    assert enrollment_id(CAMPAIGN, "tagged_caller@people.example") == contact
    assert not await store.exists(keys.contact(_spelled("tagged_caller+call")))
    assert [address("tagged_caller+call")] == [call.booking.email async for call in ledger.bookings.calls(contact)]
    assert await store.zscore(keys.CHANGED, contact)


async def _field(store: redis.asyncio.Redis, key: str, field: str) -> str:
    return str(texts(await store.hget(key, field)))


async def test_a_second_run_changes_nothing(store: redis.asyncio.Redis, before: dict[str, Any]) -> None:
    assert before
    first = await _migrate(store)
    once = await _hashes(store)

    again = await _migrate(store)

    assert once == await _hashes(store)
    assert first.notes == again.notes


@pytest.mark.parametrize("done", range(0, 24, 3))
async def test_a_run_that_was_killed_is_repeated(
    store: redis.asyncio.Redis, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    monkeypatch.setattr(mailboxes, "BATCH", 3)
    await _killed_after(store, done, monkeypatch)
    await _migrate(store)
    interrupted = await _hashes(store)

    await store.flushall()
    for key, fields in before.items():
        await store.hset(key, mapping=fields)
    await _migrate(store)

    assert interrupted == await _hashes(store)


async def _killed_after(store: redis.asyncio.Redis, batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    change = mailboxes._Step._rehash_page
    left = batches

    async def counted(self: Any, page: Any, prefix: str) -> int:
        nonlocal left
        if left == 0:
            raise ConnectionError("killed")
        left -= 1
        return await change(self, page, prefix)

    with monkeypatch.context() as patched:
        patched.setattr(mailboxes._Step, "_rehash_page", counted)
        with suppress(ConnectionError):
            await _migrate(store)


async def test_migrated_contacts_are_swept_and_their_bookings_are_found(
    store: redis.asyncio.Redis, before: dict[str, Any], ledger: Ledger
) -> None:
    enrolled = await store.smembers(keys.PREFIX + "enrolled")

    await _migrate(store)
    await _migrate(store)

    assert {member async for member, _ in store.zscan_iter(keys.UNDER_WAY)} == enrolled != set()
    assert not await store.exists(keys.PREFIX + "enrolled")
    named = {fields["email"] for key, fields in before.items() if key.startswith(keys.guest("")) and "email" in fields}
    assert named
    for email in named:
        assert (await ledger.contacts.find_traces(email)).bookings
