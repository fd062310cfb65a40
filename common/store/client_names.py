"""
Who else of us is connected to a store: every connection of a process that goes on working bears its name there.

So whoever must be alone finds out from the store itself (CLIENT LIST), wherever the others run. Commands that only look
have no name, and are in nobody's way.
"""

from __future__ import annotations

from typing import Any, Final

import redis.asyncio

PREFIX: Final = "advent-"


def bearing(process: str | None) -> dict[str, Any]:
    """What a client is constructed with to bear the name of its process, `gateway`; nothing for None."""
    return {"client_name": PREFIX + process} if process else {}


async def processes_at(client: redis.asyncio.Redis) -> list[str]:
    """
    Which kinds of our processes are connected to this database, `["console", "gateway"]`; without a name, the caller is
    none of them.

    Raises `redis.RedisError`, also where the store's user may not ask.
    """
    database = client.connection_pool.connection_kwargs.get("db") or 0
    everybody: Any = await client.client_list()
    names = {one["name"] for one in everybody if int(one["db"]) == database}
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))
