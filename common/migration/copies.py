"""
A copy of the whole store before its format changes, and its restore.

The files of an embedded store are copied as they are. From another store, Advent's keys are read with DUMP into one
file, which RESTORE writes back. Both need a store that no other client is connected to.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import redis.asyncio

from common.ledger.keys import PREFIX
from common.path_errors import path_error_text
from common.store.embedded import EmbeddedStore
from common.store.errors import StoreError

FOLDER: Final = "backups"
"""Below DATA_DIR."""

_FILES: Final = "appendonlydir"
"""The append-only files in a store's folder; the other files are created again at each start."""

_SUFFIX: Final = ".dump"
_MAGIC: Final = b"advent store dump 1\n"
_ENTRY: Final = struct.Struct(">IqI")
"""Length of the key, time of its expiry in ms or 0, length of what DUMP returned; then key and dump."""

_BATCH: Final = 1_000

_DUMP = """
-- dump_page(KEYS = [], ARGV = [cursor, pattern, count]) → [next cursor, key, expires in ms or -1, dump, key, …]
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local answer = {page[1]}
for _, key in ipairs(page[2]) do
  answer[#answer + 1] = key
  answer[#answer + 1] = redis.call('PTTL', key)
  answer[#answer + 1] = redis.call('DUMP', key)
end
return answer
"""


def backup_path(data_dir: Path, source: object, now: datetime) -> Path:
    """
    Return `DATA_DIR/backups/store-format-1-20261129T053000Z`, whose folder is created, private.

    Raises StoreError when that fails.
    """
    folder = data_dir.resolve() / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(path_error_text(folder, error)) from None
    return folder / f"store-format-{source}-{now:%Y%m%dT%H%M%SZ}"


async def copy_files(client: redis.asyncio.Redis, store: EmbeddedStore, place: Path) -> Path:
    """Copy the files of a running embedded store that no client changes meanwhile. Raises StoreError."""
    unfinished = _unfinished(place)
    async with _no_rewrite(client):
        try:
            await asyncio.to_thread(_copy_files, store.directory, unfinished)
            unfinished.rename(place)
        except OSError as error:
            raise StoreError(path_error_text(place.parent, error)) from None
    return place


async def dump_keys(client: redis.asyncio.Redis, place: Path) -> Path:
    """Write all of Advent's keys in a store that no client changes meanwhile to one file. Raises StoreError."""
    place = place.with_name(place.name + _SUFFIX)
    unfinished = _unfinished(place)
    try:
        with _private(unfinished) as file:
            await _write_all(client, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(place)
    except OSError as error:
        if isinstance(error, redis.RedisError):
            raise
        raise StoreError(path_error_text(place.parent, error)) from None
    return place


def restore_files(store: EmbeddedStore, copy: Path) -> Path:
    """
    Replace the files of a stopped store by those of a copy. Return where the replaced files are now.

    Raises StoreError when `copy` is not a copy, or the store is in use.
    """
    if not (copy / _FILES).is_dir():
        raise StoreError(f"{copy} is no copy of an embedded store; name a folder below {FOLDER}")
    aside = store.directory / f"{_FILES}.before-restore"
    # Starting it once proves that no other process uses the store, and cuts off a torn end.
    store.start()
    store.stop()
    try:
        shutil.rmtree(aside, ignore_errors=True)
        (store.directory / _FILES).rename(aside)
        _copy_files(copy, store.directory)
    except OSError as error:
        raise StoreError(path_error_text(store.directory, error)) from None
    return aside


async def restore_keys(client: redis.asyncio.Redis, copy: Path) -> int:
    """Replace all of Advent's keys by those of a dump. Return how many. Raises StoreError for an incomplete file."""
    for _ in _entries(copy):  # The whole file is checked before anything is deleted.
        pass
    async for batch in _our_keys(client):
        await client.unlink(*batch)
    count = 0
    pipeline = client.pipeline(transaction=False)
    for key, expires_ms, value in _entries(copy):
        pipeline.restore(key, expires_ms, value, replace=True, absttl=expires_ms > 0)
        count += 1
        if count % _BATCH == 0:
            await pipeline.execute()
    await pipeline.execute()
    return count


@asynccontextmanager
async def _no_rewrite(client: redis.asyncio.Redis) -> AsyncIterator[None]:
    """Prevent rewrites of the append-only files, and wait for a running one: it would replace what is copied."""
    name = "auto-aof-rewrite-percentage"
    before: dict[str, str] = await client.config_get(name)  # type: ignore[assignment]  # redis-py: str or bytes
    await client.config_set(name, 0)
    while (await client.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110 -- Redis tells by no event
        await asyncio.sleep(0.05)  # noqa: TID251 -- no job depends on it
    try:
        yield
    finally:
        await client.config_set(name, before[name])


def _unfinished(place: Path) -> Path:
    """Return the name of a copy until all of it is on disk."""
    return place.with_name(place.name + ".unfinished")


def _copy_files(source: Path, target: Path) -> None:
    shutil.rmtree(target / _FILES, ignore_errors=True)
    target.mkdir(mode=0o700, exist_ok=True)
    shutil.copytree(source / _FILES, target / _FILES)
    for file in [*target.rglob("*"), target, target.parent]:
        if not (file.is_file() or file.is_dir()):
            continue
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _private(file: Path) -> BinaryIO:
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


async def _write_all(client: redis.asyncio.Redis, file: BinaryIO) -> None:
    file.write(_MAGIC)
    seconds, microseconds = await client.time()
    now_ms = seconds * 1000 + microseconds // 1000
    page = client.register_script(_DUMP)
    cursor, count = b"0", 0
    while True:
        answer: list[Any] = await page(args=[cursor, f"{PREFIX}*", _BATCH])
        cursor, entries = answer[0], answer[1:]
        for key, ttl_ms, value in zip(entries[::3], entries[1::3], entries[2::3], strict=True):
            file.write(_ENTRY.pack(len(key), now_ms + ttl_ms if ttl_ms >= 0 else 0, len(value)) + key + value)
            count += 1
        if cursor == b"0":
            break
    # The end: a key of length 0, and the number of keys.
    file.write(_ENTRY.pack(0, count, 0))


def _entries(copy: Path) -> Iterator[tuple[bytes, int, bytes]]:
    count = 0
    with copy.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise StoreError(f"{copy} is no dump of a store; name a file that `advent migrate` has written")
        while True:
            head = file.read(_ENTRY.size)
            if len(head) < _ENTRY.size:
                raise StoreError(f"{copy} is not whole; take another copy")
            key_length, expires_ms, value_length = _ENTRY.unpack(head)
            if key_length == 0:
                break
            yield file.read(key_length), expires_ms, file.read(value_length)
            count += 1
    if count != expires_ms:
        raise StoreError(f"{copy} is not whole; take another copy")


async def _our_keys(client: redis.asyncio.Redis) -> AsyncIterator[list[bytes]]:
    batch: list[bytes] = []
    async for key in client.scan_iter(match=f"{PREFIX}*", count=_BATCH):
        batch.append(key)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
