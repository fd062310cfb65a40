"""The keys of a store as lines that a person can review: one JSON object for each key, sorted by key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import redis

_READ: dict[str, Callable[[redis.Redis, bytes], Any]] = {
    "string": lambda client, key: _text(client.get(key)),
    "hash": lambda client, key: dict(sorted((_text(k), _text(v)) for k, v in client.hgetall(key).items())),
    "list": lambda client, key: [_text(item) for item in client.lrange(key, 0, -1)],
    "set": lambda client, key: sorted(_text(item) for item in client.smembers(key)),
    "zset": lambda client, key: [
        [_text(member), score] for member, score in client.zrange(key, 0, -1, withscores=True)
    ],
}


def dump(client: redis.Redis) -> Iterator[str]:
    """Yield a line `{"key", "type", "ttl_ms", "value"}` for each key; `ttl_ms` is null for a key without expiry."""
    for key in sorted(client.scan_iter(count=1000)):
        kind = client.type(key).decode()
        ttl_ms = client.pttl(key)
        line = {
            "key": _text(key),
            "type": kind,
            "ttl_ms": ttl_ms if ttl_ms >= 0 else None,
            "value": _READ[kind](client, key),
        }
        yield json.dumps(line, ensure_ascii=False)


def load(client: redis.Redis, lines: Iterable[str]) -> int:
    """Write these lines into an empty store. Return the number of keys. A time to live counts from now."""
    count = 0
    for line in lines:
        entry = json.loads(line)
        _write(client, entry["key"], entry["type"], entry["value"])
        if entry["ttl_ms"] is not None:
            client.pexpire(entry["key"], entry["ttl_ms"])
        count += 1
    return count


def _write(client: redis.Redis, key: str, kind: str, value: Any) -> None:
    match kind:
        case "string":
            client.set(key, value)
        case "hash":
            client.hset(key, mapping=value)
        case "list":
            client.rpush(key, *value)
        case "set":
            client.sadd(key, *value)
        case "zset":
            client.zadd(key, dict(value))


def _text(value: Any) -> str:
    """Decode a value. Raises UnicodeDecodeError for bytes that are not UTF-8, because Advent stores only text."""
    return value.decode() if isinstance(value, bytes) else str(value)
