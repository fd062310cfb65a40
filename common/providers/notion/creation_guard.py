"""
Decides who may create a page: Notion has neither unique constraints nor idempotency keys.

Two keys a contact at most, `{advent}:mirror:create:<database>:<enrollment id>`: a HASH, see `creation_guard.lua`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import redis.asyncio

from common.clock import Clock

SETTLE_MS = 30_000
"""How long a create without an answer is searched for before it is repeated; Notion does not document how far queries
lag."""
UNKNOWN_MS = 86_400_000
"""How long it is known that a create had no answer: the worker that repeats it searches for copies afterwards."""
CREATED_MS = 3_600_000
"""How long a created page is found here; by then the ledger has its id, or queries show it."""

_SCRIPT = Path(__file__).with_name("creation_guard.lua").read_text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    The answer to a worker that wants to create a page.

    `page_id`: it exists, use that one. `wait_ms` > 0: another create is under way or has an unknown outcome, come back
    then. Neither: create it now; `after_unknown_outcome`: an earlier attempt may still turn out to have succeeded.
    """

    page_id: str | None = None
    wait_ms: int = 0
    after_unknown_outcome: bool = False


class CreateGuard(Protocol):
    async def begin(self, database: str, enrollment_id: str) -> Turn:
        """Ask to create a page. After a turn without both, call `created` or `forget`; neither: outcome unknown."""
        ...

    async def created(self, database: str, enrollment_id: str, page_id: str) -> None:
        """The page exists; until queries show it, other workers find it here."""
        ...

    async def forget(self, database: str, enrollment_id: str) -> None:
        """Certainly nothing was created, or it is gone again: the next worker may create at once."""
        ...


class StoreCreateGuard(CreateGuard):
    """The guard in the store, shared by all workers. Methods raise `redis.RedisError` when it cannot be reached."""

    def __init__(self, client: redis.asyncio.Redis, *, clock: Clock, settle_ms: int = SETTLE_MS) -> None:
        self._client, self._clock, self._settle_ms = client, clock, settle_ms
        self._script = client.register_script(_SCRIPT)

    async def begin(self, database: str, enrollment_id: str) -> Turn:
        args: list[str | int] = ["begin", self._clock.now_ms(), self._settle_ms, UNKNOWN_MS]
        word, value = (_text(part) for part in await self._script(keys=[_key(database, enrollment_id)], args=args))
        if word == "page":
            return Turn(page_id=value)
        if word == "wait":
            return Turn(wait_ms=int(value))
        return Turn(after_unknown_outcome=value == "1")

    async def created(self, database: str, enrollment_id: str, page_id: str) -> None:
        await self._script(keys=[_key(database, enrollment_id)], args=["created", page_id, CREATED_MS])

    async def forget(self, database: str, enrollment_id: str) -> None:
        await self._client.delete(_key(database, enrollment_id))


def _key(database: str, enrollment_id: str) -> str:
    return f"{{advent}}:mirror:create:{database}:{enrollment_id}"


def _text(part: bytes | str) -> str:
    return part.decode() if isinstance(part, bytes) else part
