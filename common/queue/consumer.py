"""
A consumer: what a worker process takes off one queue, and how it gives each message back.

It holds at most `in_flight_limits[queue]` messages, and waits for more without asking: the scheduler wakes it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from threading import Event
from typing import TYPE_CHECKING, Any

import redis
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.message import Message

from common.observability.logs import get_logger
from common.store.errors import is_passing

if TYPE_CHECKING:
    from common.queue.broker import DurableRedisBroker

log = get_logger(__name__)

DRAINING_S = 0.05
"""How long a consumer of a process that is stopping takes to notice that it may end."""


class DurableConsumer(Consumer):
    """Takes messages for one queue. `timeout`, in ms, is how long `next` waits before it answers None."""

    def __init__(self, broker: DurableRedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        self.broker = broker
        self.queue_name = queue_name
        self.prefetch = prefetch
        self.timeout = timeout
        self.fetched: list[MessageProxy] = []
        self.queued_message_ids = broker.in_flight[queue_name]
        self.wakeup = Event()
        # An earlier consumer may have taken messages whose names it never heard.
        self._doubtful = True
        self._came_back: set[str] = set()

    @property
    def outstanding_message_count(self) -> int:
        return len(self.queued_message_ids)

    @property
    def room(self) -> int:
        """How many more messages this process may take off the queue now."""
        if self.broker.draining:
            return 0
        limit = self.broker.in_flight_limits.get(self.queue_name, self.prefetch)
        return limit - self.outstanding_message_count

    def __next__(self) -> MessageProxy | None:
        if not self.fetched:
            self.wakeup.clear()  # Before looking: what arrives after the look sets it again.
            self._fetch()
        if not self.fetched:
            self.wakeup.wait(DRAINING_S if self.broker.draining else self.timeout / 1000)
            return None
        return self.fetched.pop(0)

    def ack(self, message: MessageProxy | Message[Any]) -> None:
        """Done with it. Changes nothing for a message that was taken over meanwhile."""
        self._settle(message, "ack")

    def nack(self, message: MessageProxy | Message[Any]) -> None:
        """Make it a dead letter that says why: `options.traceback`."""
        exception = getattr(message, "_exception", None)
        if exception is not None and "traceback" not in message.options:
            message.options["traceback"] = "".join(traceback.format_exception_only(exception))
        try:
            body = message.encode()
        except (TypeError, ValueError):
            log.warning("dead_letter_without_reason", queue=self.queue_name, message_id=message.message_id)
        else:
            self.broker.insist(self.broker.do_amend, self.queue_name, _ready_id(message), body)
        self._settle(message, "nack")

    def requeue(self, messages: Iterable[MessageProxy | Message[Any]]) -> None:
        """Hand back to the front of the queue what was not begun. Raises ConnectionClosed when the store is away."""
        ready_ids = [_ready_id(message) for message in messages]
        if not ready_ids:
            return
        try:
            self.broker.do_requeue(self.queue_name, *ready_ids)
        except (redis.RedisError, OSError) as error:
            if not is_passing(error):
                raise
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # so it is
        self._let_go(*ready_ids)

    def close(self) -> None:
        unread, self.fetched = self.fetched, []
        self.requeue(unread)

    def _fetch(self) -> None:
        room = self.room
        if room <= 0:
            return
        # Lowered first: a doubt that a worker's thread raises while we ask is for the next time.
        doubtful, self._doubtful = self._doubtful, False
        try:
            if doubtful:
                self.broker.do_recover(self.queue_name, *list(self.broker.held[self.queue_name]))
            answer = self.broker.do_fetch(self.queue_name, room)
        except (redis.RedisError, OSError) as error:
            if not is_passing(error):
                raise
            self._doubtful = True
            return  # The scheduler says so, once, and wakes us when there is something to do.
        for ready_id, body in zip(answer[::2], answer[1::2], strict=True):
            self._take(ready_id.decode(), body)

    def _take(self, ready_id: str, body: bytes) -> None:
        held = self.broker.held[self.queue_name]
        # Noted first: another thread may be letting go of the same id just now.
        self._came_back.add(ready_id)
        if ready_id in held:
            return  # Taken over while this process was stopped, and come back: the copy we have is ours again.
        self._came_back.discard(ready_id)
        held.add(ready_id)
        self.queued_message_ids.add(ready_id)
        self.fetched.extend(self._read(ready_id, body))

    def _read(self, ready_id: str, body: bytes) -> Iterator[MessageProxy]:
        try:
            message = Message.decode(body)
        except DecodeError:
            log.error("message_unreadable", queue=self.queue_name, ready_id=ready_id)
            self.broker.insist(self.broker.do_nack, self.queue_name, ready_id)
            self._let_go(ready_id)
            return
        # The worker would park a message that has an `eta`, and looks for its consumer by `queue_name`.
        message = message.copy(queue_name=self.queue_name, options={"redis_message_id": ready_id})
        message.options.pop("eta", None)
        yield MessageProxy(message)

    def _settle(self, message: MessageProxy | Message[Any], outcome: str) -> None:
        ready_id = _ready_id(message)
        try:
            settled = self.broker.insist(getattr(self.broker, f"do_{outcome}"), self.queue_name, ready_id)
            self.broker.held[self.queue_name].discard(ready_id)
            if not settled or ready_id in self._came_back:
                # It came back when we still thought to have it; or it was scheduled again for its own instant, and
                # fetched between the store's answer and this line. Then it is in our hands, and nobody works on it.
                self._came_back.discard(ready_id)
                self._doubtful = True
        finally:
            was_full = self.room <= 0
            self.queued_message_ids.discard(ready_id)
            if was_full:
                self.wakeup.set()

    def _let_go(self, *ready_ids: str) -> None:
        self.queued_message_ids.difference_update(ready_ids)
        self.broker.held[self.queue_name].difference_update(ready_ids)
        self._came_back.difference_update(ready_ids)


def _ready_id(message: MessageProxy | Message[Any]) -> str:
    ready_id: str = message.options["redis_message_id"]
    return ready_id
