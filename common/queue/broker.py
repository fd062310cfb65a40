"""
The durable queue: dramatiq's Redis broker, with delays that wait in the store.

A delayed message is one member of a sorted set (job id → instant it is due) and, unless it is a plain one (`Job`), one
field of a hash (its body). One script moves what is due to the ready queue, from whichever worker asks. So a delay may
be of any length, a million waiting messages hold up nobody, scheduling an id twice is scheduling it once, and what
waits can be moved or cancelled.
Messages of a worker that died go back to their queues within five seconds; one that kills three workers is buried.
"""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import redis
from dramatiq.broker import MessageProxy
from dramatiq.message import Message, generate_unique_id
from dramatiq.middleware import SkipMessage

from common.observability.logs import get_logger
from common.observability.metrics import PROMOTED
from common.queue.consumer import DurableConsumer
from common.queue.job import Job
from common.queue.lua_broker import Promotion, ScriptedRedisBroker, due_ms_of, read_promotions
from common.queue.rescue import rescue, retire
from common.queue.threads import RETRY_S, Heartbeat, Scheduler
from common.store.errors import is_passing

log = get_logger(__name__)
T = TypeVar("T")

BATCH = 500
"""Messages a queue that one call of `promote` moves at most, so that nobody else waits long for the store."""


class DurableRedisBroker(ScriptedRedisBroker):
    """
    Constructed like `RedisBroker`; see `ScriptedRedisBroker` for its defaults. Build it after a fork, never before.

    `actor.send_with_options(delay=…, job_id=…)` names the waiting message; without `job_id` its own id does. With a
    `job_id` and no delay it is due at once. Errors of the store (`redis.RedisError`) reach whoever sends.

    `clock`: tells what is due. `in_flight_limits`: how many messages of a queue this process works on at a time; unless
    set, as many as dramatiq's worker prefetches. `broker_id`: this process's name among the heartbeats.
    """

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.in_flight_limits: dict[str, int] = {}
        self.in_flight: defaultdict[str, set[str]] = defaultdict(set)
        self.held: defaultdict[str, set[str]] = defaultdict(set)
        """Ready ids by queue that we must still answer for; `in_flight` leaves out those whose answer is on its way."""
        self.draining = False
        self.scheduler = Scheduler(self)
        self.heartbeat = Heartbeat(self)
        self._consumers: dict[str, DurableConsumer] = {}

    # dramatiq's side

    @property
    def consumer_class(self) -> type[DurableConsumer]:
        return DurableConsumer

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> DurableConsumer:
        """A consumer of one queue; `timeout`, in ms, is how long it waits for a message before it answers None."""
        consumer = self._consumers[queue_name] = self.consumer_class(self, queue_name, prefetch, timeout)
        return consumer

    def declare_queue(self, queue_name: str) -> None:
        """Unlike its parent declares no delay queue: a consumer there would hold what waits in memory."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Send it now; or, with a `delay` in ms or a `job_id` among its options, keep it until it is due."""
        if delay is None and "job_id" not in message.options:
            return self._enqueue_now(message)
        return self._enqueue_later(message, delay)

    def close(self) -> None:
        """Stop our threads; close the connections, unless the client was given to us."""
        self._stop_threads()
        if self._owns_client:
            self.client.close()

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        # Not a middleware: what makes the queue durable comes first, and cannot be left out.
        if signal == "worker_boot":
            self._start_threads()
        elif signal == "worker_shutdown":
            self._drain()
        elif signal == "process_message":
            self._begin(args[0])
        super().emit_before(signal, *args, **kwargs)

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        super().emit_after(signal, *args, **kwargs)
        if signal == "worker_shutdown":
            self._stop_threads()
            retire(self)
            self.in_flight.clear()
            self.held.clear()

    # What waits

    def schedule(self, job: Job) -> None:
        """
        Keep a job until it is due. The same id again, while it waits, replaces it: body and instant.

        A job that is repeated while it is queued or running needs a later instant: the same one is the same message.
        """
        self.do_schedule(job.queue_name, job.id, job.due_ms, job.body(), "")

    def cancel(self, queue: str, job_id: str) -> bool:
        """Forget a waiting job. False: none of that id waits; it may be running."""
        return bool(self.do_cancel(queue, job_id))

    def move(self, queue: str, job_id: str, due_ms: int) -> bool:
        """Give a waiting job another instant. False: none of that id waits; it may be running."""
        answer = -1
        while answer < 0:
            body: Any = self.client.hget(f"{self.namespace}:{queue}.DQ.msgs", job_id) or b""
            moved = Message.decode(body).copy(options={"eta": due_ms}).encode() if body else b""
            answer = self.do_move(queue, job_id, due_ms, body, moved)
        return bool(answer)

    def promote(self) -> list[Promotion]:
        """Move what is due by our clock to the ready queues, and wake who waits there. The scheduler's turn."""
        queues = sorted(self.get_declared_queues())
        if not queues:
            return []
        promotions = list(read_promotions(queues, self.do_promote("", BATCH, *queues)))
        for promotion in promotions:
            if promotion.moved:
                PROMOTED.labels(promotion.queue).inc(promotion.moved)
            if promotion.ready:
                self._wake(promotion.queue)
        return promotions

    def insist(self, command: Callable[..., T], *args: Any) -> T:
        """Ask until the store answers. For a message in flight, which can go nowhere without it."""
        while True:
            try:
                return command(*args)
            except (redis.RedisError, OSError) as error:
                if not is_passing(error):
                    raise
                time.sleep(RETRY_S)

    # Parts

    def _enqueue_now(self, message: Message[Any]) -> Message[Any]:
        # A retried message has the same id as before, so the id in the store must be another.
        message = message.copy(options={"redis_message_id": generate_unique_id()})
        self.emit_before("enqueue", message, None)
        self.do_enqueue(message.queue_name, message.options["redis_message_id"], message.encode())
        self.emit_after("enqueue", message, None)
        self._wake(message.queue_name)
        return message

    def _enqueue_later(self, message: Message[Any], delay: int | None) -> Message[Any]:
        # A proxy is a message in flight: this is its next attempt.
        attempt = message.options.get("redis_message_id", "") if isinstance(message, MessageProxy) else ""
        message = self._waiting(message.copy(), delay, after_ms=due_ms_of(attempt))
        self.emit_before("enqueue", message, delay)
        due_ms, body = message.options["eta"], message.encode()
        schedule = partial(self.do_schedule, message.queue_name, message.message_id, due_ms, body, attempt)
        if not attempt:
            schedule()
        elif not self.insist(schedule):
            log.warning("attempt_taken_over", queue=message.queue_name, message_id=message.message_id)
        self.emit_after("enqueue", message, delay)
        return message

    def _waiting(self, message: Message[Any], delay: int | None, *, after_ms: int) -> Message[Any]:
        options = dict(message.options)
        job_id = options.pop("job_id", message.message_id)
        # At the same instant it would be the attempt that is running now, and be dropped.
        due_ms = max(self.clock.now_ms() + int(delay or 0), after_ms + 1)
        options |= {"eta": due_ms, "redis_message_id": job_id}
        return dataclasses.replace(message, message_id=job_id, options=options)

    def _begin(self, message: MessageProxy) -> None:
        # A message taken over while it waited in this process (which was stopped, perhaps) is another's to run.
        if not self.insist(self.do_start, message.queue_name, message.options["redis_message_id"]):
            raise SkipMessage("taken over by another worker")

    def _drain(self) -> None:
        # Take no more; the heartbeat goes on, and so does the scheduler, until what is running has ended.
        self.draining = True
        for consumer in list(self._consumers.values()):
            consumer.wakeup.set()

    def _wake(self, queue: str) -> None:
        consumer = self._consumers.get(queue)
        if consumer is not None and consumer.room > 0:
            consumer.wakeup.set()

    def _maintain(self, queue: str) -> None:
        rescue(self, self.heartbeat_timeout)
        super()._maintain(queue)

    def _start_threads(self) -> None:
        self.draining = False
        self.heartbeat.start()
        self.scheduler.start()

    def _stop_threads(self) -> None:
        self.scheduler.stop()
        self.heartbeat.stop()
