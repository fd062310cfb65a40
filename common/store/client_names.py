"""
The processes of ours that are connected to a store: each names its connections there.

A command that must be alone asks the store itself (CLIENT LIST), wherever the processes run. Commands that only read
have no name, and block no other command.
"""

from __future__ import annotations

from typing import Any, Final

import redis.asyncio

PREFIX: Final = "advent-"


def client_name(process: str | None) -> dict[str, Any]:
    """The arguments that give a client the name of its process, `gateway`; none for None."""
    return {"client_name": PREFIX + process} if process else {}


async def processes_at(client: redis.asyncio.Redis) -> list[str]:
    """
    The kinds of our processes that are connected to this database, `["console", "gateway"]`; not the caller, if its
    client has no name.

    Raises `redis.RedisError`, also where the store's user may not ask.
    """
    database = client.connection_pool.connection_kwargs.get("db") or 0
    connections: Any = await client.client_list()
    names = {connection["name"] for connection in connections if int(connection["db"]) == database}
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))
