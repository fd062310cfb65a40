"""Jobs that failed with an internal error: read them with their tracebacks, requeue or delete them."""

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
    """
    A job that failed with an internal error.

    `id`: the message's id, `job id@due_ms`. `args`: the actor's arguments, which are ids. `traceback`: "" if none was
    stored.
    """

    queue: str
    id: str
    actor: str
    args: tuple[str, ...]
    failed_ms: int
    traceback: str

    @property
    def error(self) -> str:
        """The last line of the traceback, such as `ValueError: no such step`; "" if none was stored."""
        return self.traceback.strip().rpartition("\n")[2].strip()[:ERROR_LENGTH_MAX]


class FailedJobs:
    """The failed jobs of all queues. Raises as `Store.run` does. A change returns False if the job is not failed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self, *, queues: Collection[str] = QUEUES, first: int, number: int) -> tuple[list[FailedJob], int]:
        """Return (up to `number` failed jobs of these queues, newest first, from index `first`; how many there are)."""
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
        """Yield the currently failed jobs in pages. A job that fails in the meantime may be missing."""
        for queue in queues:
            found: Any = await self._store.client.zrange(keys.QUEUE.dead(queue), 0, -1, withscores=True)
            listed = [(int(failed_ms), queue, id.decode()) for id, failed_ms in found]
            for first in range(0, len(listed), PAGE):
                yield await self._read(listed[first : first + PAGE])

    async def _read(self, listed: Sequence[tuple[int, str, str]]) -> list[FailedJob]:
        """Read the messages of these jobs, with one command for each queue."""
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
        """Make the job ready again; it runs as soon as a worker is free."""
        return await self._run("requeue", queue, id)

    async def delete(self, queue: str, id: str) -> bool:
        """Delete the job; it never runs again. If it had to send a delivery, the sweeper schedules that one anew."""
        return await self._run("delete", queue, id)

    async def _run(self, entry: str, queue: str, id: str) -> bool:
        return queue in QUEUES and bool(await self._store.run(f"failed_jobs.{entry}", [], [queue, id]))


def _read(failed_ms: int, queue: str, id: str, body: bytes | None) -> FailedJob:
    """Read one failed job. If its message is invalid, `actor` is `(unreadable)`: it must not hide other jobs."""
    try:
        message: Any = json.loads(body or b"")
        actor, args = str(message["actor_name"]), tuple(map(str, message["args"]))
        traceback = str(message["options"].get("traceback") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        actor, args, traceback = "(unreadable)", (), ""
    return FailedJob(queue=queue, id=id, actor=actor, args=args, failed_ms=failed_ms, traceback=traceback)
