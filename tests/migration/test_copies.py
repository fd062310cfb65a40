"""The copy made before a migration restores every key as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
import redis.asyncio

from common.ledger.keys import PREFIX
from common.migration.copies import copy_files, dump_keys, restore_files, restore_keys
from common.store.clients import connect, connect_async
from common.store.embedded import EmbeddedStore
from common.store.errors import StoreError
from tests.recorded_store import keyspace, recording

VERSION = "0.1.0"


def _lines(url: str) -> list[str]:
    with connect(url) as client:
        return [line for line in keyspace.dump(client) if '"ttl_ms": null' in line]


def _fill(url: str) -> list[str]:
    with connect(url) as client:
        recording.load_store(VERSION, client)
    return _lines(url)


async def test_dump_restores_every_key_and_removes_later_ones(store_url: str, tmp_path: Path) -> None:
    before = _fill(store_url)
    async with connect_async(store_url) as client:
        await client.set("not ours", "stays")
        copy = await dump_keys(client, tmp_path / "store-format-1")
        await client.set(f"{PREFIX}later", "goes")
        await client.delete(f"{PREFIX}enrolled")

        count = await restore_keys(client, copy)

        assert await client.get("not ours") == b"stays"
        await client.delete("not ours")
    assert _lines(store_url) == before
    assert count >= len(before)
    assert copy.stat().st_mode & 0o077 == 0


async def test_restored_dump_keeps_the_time_to_live_of_a_key(store: redis.asyncio.Redis, tmp_path: Path) -> None:
    await store.set(f"{PREFIX}w:1", "answer", px=600_000)
    copy = await dump_keys(store, tmp_path / "store-format-1")
    await store.delete(f"{PREFIX}w:1")

    await restore_keys(store, copy)

    assert 590_000 < await store.pttl(f"{PREFIX}w:1") <= 600_000


@pytest.mark.parametrize("cut", [5, 40, -3])
async def test_incomplete_dump_replaces_nothing(store: redis.asyncio.Redis, tmp_path: Path, cut: int) -> None:
    await store.set(f"{PREFIX}secret_key", "a fingerprint")
    copy = await dump_keys(store, tmp_path / "store-format-1")
    copy.write_bytes(copy.read_bytes()[:cut])

    with pytest.raises(StoreError, match=r"is not whole|is no dump"):
        await restore_keys(store, copy)

    assert await store.get(f"{PREFIX}secret_key") == b"a fingerprint"


async def test_files_of_an_embedded_store_are_copied_and_restored(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    store.start()
    try:
        before = _fill(store.url)
        async with connect_async(store.url) as client:
            copy = await copy_files(client, store, tmp_path / "store-format-1")
            await client.set(f"{PREFIX}later", "goes")
            assert await client.config_get("auto-aof-rewrite-percentage") == {"auto-aof-rewrite-percentage": "100"}
    finally:
        store.stop()

    aside = restore_files(store, copy)

    assert aside.is_dir()
    store.start()
    try:
        assert _lines(store.url) == before
    finally:
        store.stop()


async def test_folder_without_a_copy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(StoreError, match="is no copy of an embedded store"):
        restore_files(EmbeddedStore(tmp_path / "store"), tmp_path / "copy")
