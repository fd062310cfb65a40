"""
Client names: each process of ours names its connections to the store.

A command that must run alone can therefore ask the store which processes are connected (CLIENT LIST), wherever they
run. Commands that only read use no name, and so do not block such a command.
"""

from __future__ import annotations

from typing import Any, Final

import redis.asyncio

PREFIX: Final = "advent-"


def client_name(process: str | None) -> dict[str, Any]:
    """Return the arguments that name a client after its process, such as `gateway`; no arguments for None."""
    return {"client_name": PREFIX + process} if process else {}


async def processes_at(client: redis.asyncio.Redis) -> list[str]:
    """
    Return the kinds of our processes that are connected to this database: `["console", "gateway"]`.

    The caller is not among them if its client has no name. Raises `redis.RedisError`, also if the store's user lacks
    the permission for CLIENT LIST.
    """
    database = client.connection_pool.connection_kwargs.get("db") or 0
    connections: Any = await client.client_list()
    names = {connection["name"] for connection in connections if int(connection["db"]) == database}
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))
