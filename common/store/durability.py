"""
Warnings about a store that could lose acknowledged writes; shown by `advent check`, at `/ready` and in the log.

A warning does not prevent the start: a managed store may be safe nevertheless, but its operator must know the risk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis
import redis.asyncio

_SETTINGS = ("appendonly", "appendfsync", "maxmemory-policy", "min-replicas-to-write")
_SECTIONS = ("server", "persistence", "memory", "replication")
_NEARLY_FULL = 0.9


def store_warnings(client: redis.Redis) -> list[str]:
    """Return one line for each weakness, with its cure. Raises redis.RedisError when the store does not answer."""
    info = {name: value for section in _SECTIONS for name, value in client.info(section).items()}
    try:
        settings: Any = client.config_get(*_SETTINGS)
    except redis.ResponseError:
        settings = {}
    return list(_weaknesses(info, _texts(settings)))


async def store_warnings_async(client: redis.asyncio.Redis) -> list[str]:
    """Like `store_warnings`, for one event loop."""
    info = {name: value for section in _SECTIONS for name, value in (await client.info(section)).items()}
    try:
        settings: Any = await client.config_get(*_SETTINGS)
    except redis.ResponseError:  # A managed store may forbid CONFIG. INFO then shows everything except appendfsync.
        settings = {}
    return list(_weaknesses(info, _texts(settings)))


def _weaknesses(info: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[str]:
    if int(str(info.get("redis_version", "7")).partition(".")[0]) < 7:
        yield f"store: version {info['redis_version']} is not tried; use Redis 7 or newer, or Valkey"
    yield from _of_the_disk(info, settings)
    yield from _of_memory(info, settings)
    yield from _of_replicas(info, settings)


def _of_the_disk(info: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[str]:
    if not info.get("aof_enabled"):
        yield "store: appendonly is off, so a restart forgets people; set appendonly yes and appendfsync always"
    elif settings.get("appendfsync", "always") != "always":
        yield "store: appendfsync is not always, so a power cut may lose accepted signups; set appendfsync always"
    if info.get("aof_last_write_status", "ok") != "ok" or info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield "store: its disk cannot be written, so it takes nothing more; make room on it"


def _of_memory(info: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[str]:
    policy = str(settings.get("maxmemory-policy") or info.get("maxmemory_policy") or "noeviction")
    if policy != "noeviction":
        yield (
            "store: maxmemory-policy lets the store drop people when memory is short; set maxmemory-policy noeviction"
        )
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used >= most * _NEARLY_FULL:
        share = f"{min(used / most, 9.99):.0%} of maxmemory is used"
        yield f"store: {share}; when it is full it takes nothing more; raise maxmemory"


def _of_replicas(info: Mapping[str, Any], settings: Mapping[str, str]) -> Iterator[str]:
    if info.get("role") == "slave":
        yield "store: this is a replica, which takes nothing; name its primary, or its sentinels, in REDIS_URL"
    elif info.get("connected_slaves") and settings.get("min-replicas-to-write") == "0":
        yield (
            "store: a failover may lose what no replica had yet; set min-replicas-to-write 1 and min-replicas-max-lag 1"
        )


def _texts(found: Mapping[Any, Any]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in found.items()}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
