"""The queues of a simulation: a worker's broker without its threads, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import redis.asyncio
from dramatiq.message import Message

from common.clock import Clock
from common.queue.broker import DurableRedisBroker
from common.queue.layout import NAMESPACE
from common.queue.lua_broker import due_ms_of
from common.store.clients import connect

FETCH_MAX = 64
"""How many jobs are fetched from a queue at once."""

_ALWAYS_MS = 9e15
"""The time of a heartbeat: the worker must never count as dead, although its virtual time is not the store's."""


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job in flight. `argument`: that of its actor."""

    queue: str
    ready_id: str
    argument: str

    @property
    def due_ms(self) -> int:
        return due_ms_of(self.ready_id)


class DueJobs:
    """
    Promotes, fetches and acknowledges the jobs of some queues, as the worker `worker`.

    Its calls block: nothing else happens in a simulation meanwhile, and a blocking call costs half of an awaited one.
    """

    def __init__(self, client: redis.asyncio.Redis, queues: Sequence[str], *, worker: str, clock: Clock) -> None:
        """`client`: connected to the same store, by a Unix socket."""
        options = client.get_connection_kwargs()  # type: ignore[no-untyped-call]  # redis-py's has no types
        url = f"unix://{quote(options['path'])}"
        self._broker = DurableRedisBroker(client=connect(url), namespace=NAMESPACE, middleware=[])
        self._broker.broker_id, self._broker.clock = worker, clock
        for queue in queues:
            self._broker.declare_queue(queue)

    def stay_alive(self) -> None:
        self._broker.client.zadd(self._broker.layout.heartbeats(), {self._broker.broker_id: _ALWAYS_MS})

    def fetch(self) -> tuple[list[DueJob], int | None]:
        """
        Return the jobs that are due now and, of the queues without any, when the next one is due, ms.

        Neither jobs nor a time: nothing waits, or what waits is paused.
        """
        promotions = self._broker.promote()
        jobs = [job for promotion in promotions if promotion.ready for job in self._fetch(promotion.queue)]
        due_times = [promotion.next_due_ms for promotion in promotions if promotion.next_due_ms is not None]
        return jobs, min(due_times, default=None)

    def _fetch(self, queue: str) -> Iterator[DueJob]:
        fetched = self._broker.do_fetch(queue, FETCH_MAX)
        for ready_id, message in zip(fetched[::2], fetched[1::2], strict=True):
            yield DueJob(queue, ready_id.decode(), Message.decode(message).args[0])

    def acknowledge(self, job: DueJob) -> None:
        self._broker.do_ack(job.queue, job.ready_id)
