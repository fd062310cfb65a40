"""
Commands packed by hiredis, for asynchronous connections too.

redis-py 8.1 packs in C for its blocking client only (`HiredisRespSerializer` in redis/connection.py); its asynchronous
one encodes argument by argument in Python, which was a fifth of a gateway's work for a signup (`make bench`).
"""

from __future__ import annotations

from typing import Any

import hiredis
import redis.asyncio


class _Packing:
    """Before a class of redis.asyncio's connections: the same bytes, made in C."""

    def pack_command(self, *args: Any) -> list[bytes]:
        if isinstance(args[0], str) and " " not in args[0]:
            try:
                return [hiredis.pack_command(args)]
            except TypeError:
                pass  # Rarer types, and those which redis-py refuses by name.
        packed: list[bytes] = super().pack_command(*args)  # type: ignore[misc]  # of the connection's class
        return packed


def pack_in_c(client: redis.asyncio.Redis) -> redis.asyncio.Redis:
    """The same client; connections that it opens from now on pack in C."""
    pool = client.connection_pool
    kind = pool.connection_class
    pool.connection_class = type(f"Packing{kind.__name__}", (_Packing, kind), {})
    return client
