"""The queues of a simulation: the scripts of the broker, called in virtual time and without its threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from dramatiq.message import Message
from redis.exceptions import NoScriptError

from common.queue.layout import NAMESPACE, QueueLayout
from common.queue.lua_broker import Promotion, compose_scripts, due_ms_of, read_promotions

FETCH_MAX = 64
"""Jobs that one call takes from a queue: enough for everybody who is due together, and few enough to keep an order."""

_ALIVE_MS = 9e15
"""A heartbeat far in the future: the simulated worker never counts as dead, because its time is not the store's."""


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job in flight. `argument`: what its actor is given."""

    queue: str
    ready_id: str
    argument: str

    @property
    def due_ms(self) -> int:
        return due_ms_of(self.ready_id)


class DueJobs:
    """Promotes, fetches and acknowledges the jobs of some queues, as the worker of that id."""

    def __init__(self, client: redis.asyncio.Redis, queues: Sequence[str], *, worker: str) -> None:
        self._client, self._queues, self._worker = client, queues, worker
        texts = compose_scripts(NAMESPACE)
        self._scripts = {name: client.register_script(texts[name]) for name in ("promote", "fetch", "ack")}
        self._finished: list[DueJob] = []
        self._due_ms: dict[str, int] = {}
        """Queue → when it has a job, as far as the last call knew; the next one fetches only where there may be one."""

    def finish(self, job: DueJob) -> None:
        """Acknowledge it, together with the next fetch."""
        self._finished.append(job)

    async def fetch(self, now_ms: int) -> tuple[list[DueJob], int | None]:
        """
        Some jobs that are due, and the time of the next ones, ms, which may be now; one round trip.

        No time: nothing waits, or what waits is paused.
        """
        queues = [queue for queue, due_ms in self._due_ms.items() if due_ms <= now_ms]
        try:
            answers = await self._call(now_ms, queues)
        except NoScriptError:
            # A store that was started or emptied a moment ago knows no scripts.
            for script in self._scripts.values():
                await self._client.script_load(script.script)
            answers = await self._call(now_ms, queues)
        promoted, *fetched = answers[len(answers) - len(queues) - 1 :]
        self._finished.clear()
        jobs = [job for queue, answer in zip(queues, fetched, strict=True) for job in _read(queue, answer)]
        self._due_ms = dict(_due_times(read_promotions(self._queues, promoted), jobs, now_ms))
        return jobs, min(self._due_ms.values(), default=None)

    async def _call(self, now_ms: int, queues: Sequence[str]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)

        def run(script: str, queue: str, *args: str | int) -> None:
            pipeline.evalsha(self._scripts[script].sha, 1, NAMESPACE, queue, self._worker, str(now_ms), *map(str, args))

        pipeline.zadd(QueueLayout().heartbeats(), {self._worker: _ALIVE_MS})
        for job in self._finished:
            run("ack", job.queue, job.ready_id)
        run("promote", "", FETCH_MAX, *self._queues)
        for queue in queues:
            run("fetch", queue, FETCH_MAX)
        answers: list[Any] = await pipeline.execute()
        return answers


def _due_times(promotions: Iterable[Promotion], fetched: Sequence[DueJob], now_ms: int) -> Iterator[tuple[str, int]]:
    """For each queue in which something waits: now, if it is ready and was not fetched, or when it is due."""
    counts = Counter(job.queue for job in fetched)
    for promotion in promotions:
        if promotion.ready > counts[promotion.queue]:
            yield promotion.queue, now_ms
        elif promotion.next_due_ms is not None:
            yield promotion.queue, promotion.next_due_ms


def _read(queue: str, fetched: Sequence[bytes]) -> list[DueJob]:
    return [
        DueJob(queue, ready_id.decode(), Message.decode(message).args[0])
        for ready_id, message in zip(fetched[::2], fetched[1::2], strict=True)
    ]
