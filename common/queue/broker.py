"""
The durable queue: dramatiq's Redis broker, with delays that wait in the store.

A delayed message is one member of a sorted set (job id → due time) and, unless the job is plain (`job.py`), one field
of a hash (its message). Every worker calls the script that moves due jobs to the ready queue. A delay may therefore
have any length, a million waiting jobs do not slow down others, scheduling an id twice has the same effect as once, and
a waiting job can be moved or cancelled. Messages of a dead worker are back in their queues within five seconds; a
message that kills three workers becomes a dead letter.
"""

from __future__ import annotations

import dataclasses
import traceback
from functools import partial
from typing import Any

from dramatiq.actor import Actor
from dramatiq.broker import MessageProxy
from dramatiq.errors import ActorNotFound
from dramatiq.message import Message, generate_unique_id
from dramatiq.middleware import SkipMessage

from common.observability.logs import get_logger
from common.observability.metrics import PROMOTED
from common.queue.consumer import DurableConsumer, InFlight
from common.queue.job import Job
from common.queue.lua_broker import LuaBroker, Promotion, due_ms_of, read_promotions
from common.queue.rescue import deregister, rescue
from common.queue.threads import Heartbeat, Scheduler
from common.store.retry import retry_until_answered

log = get_logger(__name__)

PROMOTE_BATCH = 500
"""The most jobs of one queue that one call of `promote` makes ready, so that other commands do not wait long."""


class DurableRedisBroker(LuaBroker):
    """
    The broker. Takes the arguments of `LuaBroker`. Construct it after a fork, never before.

    `actor.send_with_options(delay=…, job_id=…)` chooses the id of the waiting job; without `job_id` it is the message's
    id. With a `job_id` and no delay the job is due at once. Sending raises the store's errors (`STORE_ERRORS`).

    `clock`: decides which jobs are due. `broker_id`: the id of this process in the heartbeats.
    """

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.in_flight = InFlight()
        self.scheduler = Scheduler(self.promote, lambda: self.clock)
        self.heartbeat = Heartbeat(self)
        self._consumers: dict[str, DurableConsumer] = {}

    # dramatiq's interface

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> DurableConsumer:
        """Return a consumer of one queue. `timeout`: how long it waits for a message before it returns None, ms."""
        consumer = self._consumers[queue_name] = DurableConsumer(self, self.in_flight, queue_name, prefetch, timeout)
        return consumer

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue but, unlike dramatiq, no delay queue: its consumer would keep delayed messages in memory."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def declare_actor(self, actor: Actor[Any, Any]) -> None:
        """Register the actor before its queue, because a running worker consumes a queue as soon as it is declared."""
        self.actors[actor.actor_name] = actor
        super().declare_actor(actor)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Send a message now. With a `delay` in ms, or a `job_id` in its options, store it until it is due."""
        if delay is None and "job_id" not in message.options:
            return self._enqueue_now(message)
        return self._enqueue_later(message, delay)

    def close(self) -> None:
        """Stop the threads, and close the connections unless the client was passed to the constructor."""
        self._stop_threads()
        if self.owns_client:
            self.client.close()

    def emit_before(self, signal: str, *args: Any, **kwargs: Any) -> None:
        # Not a middleware: these steps make the queue durable, so they must come first and must not be left out.
        if signal == "worker_boot":
            self._start_threads()
        elif signal == "worker_shutdown":
            self._drain()
        elif signal == "process_message":
            self._start_message(args[0])
        elif signal == "nack":
            self._note_unknown_actor(args[0])
        try:
            super().emit_before(signal, *args, **kwargs)
        except SkipMessage as error:
            _note_reason(args[0], error)
            raise

    def emit_after(self, signal: str, *args: Any, **kwargs: Any) -> None:
        super().emit_after(signal, *args, **kwargs)
        if signal == "process_message":
            _note_reason(args[0], kwargs.get("exception"))
        elif signal == "worker_shutdown":
            self._stop_threads()
            deregister(self)
            self.in_flight.clear()

    def maintain(self, queue: str) -> None:
        rescue(self, self.heartbeat_timeout)
        super().maintain(queue)

    # Waiting jobs

    def schedule(self, job: Job) -> None:
        """
        Store a job until it is due. Scheduling its id again while it waits replaces its message and its due time.

        A job that is scheduled again while it is ready or running needs a later due time: with the same due time it
        is the same message.
        """
        self.do_schedule(job.queue_name, job.id, job.due_ms, job.message(), "")

    def cancel(self, queue: str, job_id: str) -> bool:
        """Remove a waiting job. Return False if no job with this id waits; it may be running."""
        return bool(self.do_cancel(queue, job_id))

    def move(self, queue: str, job_id: str, due_ms: int) -> bool:
        """Change the due time of a waiting job. Return False if no job with this id waits; it may be running."""
        answer = -1
        while answer < 0:
            body: Any = self.client.hget(self.layout.delayed_messages(queue), job_id) or b""
            moved = Message.decode(body).copy(options={"eta": due_ms}).encode() if body else b""
            answer = self.do_move(queue, job_id, due_ms, body, moved)
        return bool(answer)

    def promote(self) -> list[Promotion]:
        """Make the jobs ready that are due by our clock, and wake the consumers that wait for them."""
        queues = sorted(self.get_declared_queues())
        if not queues:
            return []
        promotions = list(read_promotions(queues, self.do_promote("", PROMOTE_BATCH, *queues)))
        for promotion in promotions:
            if promotion.moved:
                PROMOTED.labels(promotion.queue).inc(promotion.moved)
            if promotion.ready:
                self._wake(promotion.queue)
        return promotions

    # Helpers

    def _enqueue_now(self, message: Message[Any]) -> Message[Any]:
        # A retried message keeps its id, so it needs a new id in the store.
        message = message.copy(options={"redis_message_id": generate_unique_id()})
        self.emit_before("enqueue", message, None)
        self.do_enqueue(message.queue_name, message.options["redis_message_id"], message.encode())
        self.emit_after("enqueue", message, None)
        self._wake(message.queue_name)
        return message

    def _enqueue_later(self, message: Message[Any], delay: int | None) -> Message[Any]:
        # A MessageProxy is a message in flight, so this schedules its next attempt.
        attempt = message.options.get("redis_message_id", "") if isinstance(message, MessageProxy) else ""
        message = self._delayed(message.copy(), delay, after_ms=due_ms_of(attempt))
        self.emit_before("enqueue", message, delay)
        due_ms, body = message.options["eta"], message.encode()
        schedule = partial(self.do_schedule, message.queue_name, message.message_id, due_ms, body, attempt)
        if not attempt:
            schedule()
        elif not retry_until_answered(schedule):
            log.warning("attempt_taken_over", queue=message.queue_name, message_id=message.message_id)
        self.emit_after("enqueue", message, delay)
        return message

    def _delayed(self, message: Message[Any], delay: int | None, *, after_ms: int) -> Message[Any]:
        options = dict(message.options)
        job_id = options.pop("job_id", message.message_id)
        # With the same due time it would be the same message as the running attempt, and be dropped.
        due_ms = max(self.clock.now_ms() + int(delay or 0), after_ms + 1)
        options |= {"eta": due_ms, "redis_message_id": job_id}
        return dataclasses.replace(message, message_id=job_id, options=options)

    def _start_message(self, message: MessageProxy) -> None:
        # If this process was suspended, the message may have been rescued while it waited here.
        ready_id = message.options["redis_message_id"]
        if not retry_until_answered(partial(self.do_start, message.queue_name, ready_id)):
            raise SkipMessage("taken over by another worker")

    def _note_unknown_actor(self, message: MessageProxy) -> None:
        try:
            self.get_actor(message.actor_name)
        except ActorNotFound as error:
            _note_reason(message, error)

    def _drain(self) -> None:
        # Fetch no more messages. Heartbeat and scheduler continue until the running messages have ended.
        self.in_flight.draining = True
        for consumer in list(self._consumers.values()):
            consumer.wakeup.set()

    def _wake(self, queue: str) -> None:
        consumer = self._consumers.get(queue)
        if consumer is not None and consumer.room > 0:
            consumer.wakeup.set()

    def _start_threads(self) -> None:
        self.in_flight.draining = False
        self.heartbeat.start()
        self.scheduler.start()

    def _stop_threads(self) -> None:
        self.scheduler.stop()
        self.heartbeat.stop()


def _note_reason(message: MessageProxy, exception: BaseException | None) -> None:
    """Store the error in a failed message, the later dead letter, unless dramatiq's middleware has stored more."""
    if message.failed and exception is not None and "traceback" not in message.options:
        message.options["traceback"] = "".join(traceback.format_exception_only(exception))
