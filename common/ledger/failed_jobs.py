"""Jobs that failed with an internal error: read with their tracebacks, put back into their queue, or deleted."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from common.ledger import keys
from common.ledger.constants import QUEUES
from common.ledger.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """`id`: of its message, `job id@due_ms`. `args`: of its actor, ids. `traceback`: "" where none was kept."""

    queue: str
    id: str
    actor: str
    args: tuple[str, ...]
    failed_ms: int
    traceback: str


class FailedJobs:
    """Raises as `Store.run` does. Each change is refused (False) when the job is no failed one any longer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self, *, queues: Collection[str] = QUEUES, first: int, number: int) -> tuple[list[FailedJob], int]:
        """(those from index `first` of these queues, newest first; how many there are)."""
        pipe = self._store.client.pipeline(transaction=False)
        for queue in queues:
            pipe.zrevrange(keys.QUEUE.dead(queue), 0, first + number - 1, withscores=True)
            pipe.zcard(keys.QUEUE.dead(queue))
        answers: list[Any] = await pipe.execute()
        found = [
            (int(failed_ms), queue, id.decode())
            for queue, members in zip(queues, answers[::2], strict=True)
            for id, failed_ms in members
        ]
        shown = sorted(found, reverse=True)[first : first + number]
        for _, queue, id in shown:
            pipe.hget(keys.QUEUE.dead_messages(queue), id)
        bodies = await pipe.execute() if shown else []
        return [_read(*one, body) for one, body in zip(shown, bodies, strict=True)], sum(answers[1::2])

    async def requeue(self, queue: str, id: str) -> bool:
        """It runs again as soon as a worker takes it."""
        return await self._run("requeue", queue, id)

    async def delete(self, queue: str, id: str) -> bool:
        """It never runs again. A delivery that it was to send is found by the sweeper and scheduled anew."""
        return await self._run("delete", queue, id)

    async def _run(self, entry: str, queue: str, id: str) -> bool:
        return queue in QUEUES and bool(await self._store.run(f"failed_jobs.{entry}", [], [queue, id]))


def _read(failed_ms: int, queue: str, id: str, body: bytes | None) -> FailedJob:
    """A body that is no message of dramatiq's hides no other job."""
    try:
        message: Any = json.loads(body or b"")
        actor, args = str(message["actor_name"]), tuple(map(str, message["args"]))
        traceback = str(message["options"].get("traceback") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        actor, args, traceback = "(unreadable)", (), ""
    return FailedJob(queue=queue, id=id, actor=actor, args=args, failed_ms=failed_ms, traceback=traceback)
