"""Jobs that failed with an internal error: read with their tracebacks, put back into their queue, or deleted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.ledger import keys
from common.ledger.constants import QUEUES
from common.ledger.store import Store

PAGE: Final = 200
ERROR_LENGTH_MAX: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJob:
    """`id`: of its message, `job id@due_ms`. `args`: of its actor, ids. `traceback`: "" where none was kept."""

    queue: str
    id: str
    actor: str
    args: tuple[str, ...]
    failed_ms: int
    traceback: str

    @property
    def error(self) -> str:
        """`ValueError: no such step`, the last line of the traceback; "" where none was kept."""
        return self.traceback.strip().rpartition("\n")[2].strip()[:ERROR_LENGTH_MAX]


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
        return await self._read(shown), sum(answers[1::2])

    async def read_all(self, *, queues: Collection[str] = QUEUES) -> AsyncIterator[list[FailedJob]]:
        """Those that are failed now, a part at a time; what fails meanwhile is not among them."""
        for queue in queues:
            found: Any = await self._store.client.zrange(keys.QUEUE.dead(queue), 0, -1, withscores=True)
            listed = [(int(failed_ms), queue, id.decode()) for id, failed_ms in found]
            for first in range(0, len(listed), PAGE):
                yield await self._read(listed[first : first + PAGE])

    async def _read(self, listed: Sequence[tuple[int, str, str]]) -> list[FailedJob]:
        """One command for each of their queues, however many there are."""
        ids: dict[str, list[str]] = {}
        for _, queue, id in listed:
            ids.setdefault(queue, []).append(id)
        pipe = self._store.client.pipeline(transaction=False)
        for queue, of_queue in ids.items():
            pipe.hmget(keys.QUEUE.dead_messages(queue), of_queue)
        answers: list[Any] = await pipe.execute() if ids else []
        bodies = {queue: iter(found) for queue, found in zip(ids, answers, strict=True)}
        return [_read(failed_ms, queue, id, next(bodies[queue])) for failed_ms, queue, id in listed]

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
