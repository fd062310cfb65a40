"""Consumers: how a worker process takes messages off a queue, and acknowledges or returns each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from threading import Event
from typing import Any

from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.message import Message

from common.observability.logs import get_logger
from common.queue.lua_broker import LuaBroker
from common.store.errors import STORE_ERRORS, is_transient
from common.store.retry import retry_until_answered

log = get_logger(__name__)

_DRAIN_POLL_S = 0.05
"""How often the consumer of a process that is stopping checks whether it may end."""


class InFlight:
    """
    The messages that this process has taken off its queues, as ready ids by queue; shared by its consumers.

    `limits`: the maximum for each queue; without an entry, the number that dramatiq's worker prefetches. `counted`: the
    ids that count against the limit. `unacknowledged`: the ids whose acknowledgement the store has not confirmed.
    `draining`: no more messages are taken.
    """

    def __init__(self) -> None:
        self.limits: dict[str, int] = {}
        self.counted: defaultdict[str, set[str]] = defaultdict(set)
        self.unacknowledged: defaultdict[str, set[str]] = defaultdict(set)
        self.draining = False

    def clear(self) -> None:
        self.counted.clear()
        self.unacknowledged.clear()


class DurableConsumer(Consumer):
    """
    Takes messages off one queue, at most as many as its limit allows; the scheduler wakes it when there are more.

    `timeout`: how long `next` waits before it returns None, ms.
    """

    def __init__(self, broker: LuaBroker, in_flight: InFlight, queue_name: str, prefetch: int, timeout: int) -> None:
        self.broker = broker
        self.queue_name = queue_name
        self.timeout = timeout
        self.fetched: list[MessageProxy] = []
        self.wakeup = Event()
        self._in_flight = in_flight
        self._counted = in_flight.counted[queue_name]
        self._unacknowledged = in_flight.unacknowledged[queue_name]
        self._prefetch = prefetch
        # An earlier consumer may have fetched messages without receiving the answer that names their ids.
        self._must_recover = True
        self._fetched_again: set[str] = set()

    @property
    def outstanding_message_count(self) -> int:
        return len(self._counted)

    @property
    def room(self) -> int:
        """Return how many more messages this process may take off the queue now."""
        if self._in_flight.draining:
            return 0
        return self._in_flight.limits.get(self.queue_name, self._prefetch) - self.outstanding_message_count

    def __next__(self) -> MessageProxy | None:
        if not self.fetched:
            self.wakeup.clear()  # Before the fetch: a message that arrives later sets it again.
            self._fetch()
        if not self.fetched:
            self.wakeup.wait(_DRAIN_POLL_S if self._in_flight.draining else self.timeout / 1000)
            return None
        return self.fetched.pop(0)

    def ack(self, message: MessageProxy | Message[Any]) -> None:
        """Remove a finished message. Has no effect on a message that another worker has taken over."""
        self._acknowledge(message, self.broker.do_ack)

    def nack(self, message: MessageProxy | Message[Any]) -> None:
        """Make a failed message a dead letter, with the reason in `options.traceback`."""
        try:
            body = message.encode()
        except (TypeError, ValueError):
            log.warning("dead_letter_without_reason", queue=self.queue_name, message_id=message.message_id)
        else:
            retry_until_answered(partial(self.broker.do_replace, self.queue_name, _ready_id(message), body))
        self._acknowledge(message, self.broker.do_nack)

    def requeue(self, messages: Iterable[MessageProxy | Message[Any]]) -> None:
        """Put messages that were not started back at the front. Raises ConnectionClosed when the store is away."""
        ready_ids = [_ready_id(message) for message in messages]
        if not ready_ids:
            return
        try:
            self.broker.do_requeue(self.queue_name, *ready_ids)
        except STORE_ERRORS as error:
            if not is_transient(error):
                raise
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]  # dramatiq's is untyped
        self._forget(*ready_ids)

    def close(self) -> None:
        unread, self.fetched = self.fetched, []
        self.requeue(unread)

    def _fetch(self) -> None:
        room = self.room
        if room <= 0:
            return
        # Cleared before the request: if a worker's thread sets it meanwhile, the next fetch must recover.
        must_recover, self._must_recover = self._must_recover, False
        try:
            if must_recover:
                self.broker.do_recover(self.queue_name, *list(self._unacknowledged))
            answer = self.broker.do_fetch(self.queue_name, room)
        except STORE_ERRORS as error:
            if not is_transient(error):
                raise
            self._must_recover = True
            return  # The scheduler logs it once, and wakes this consumer when a message is ready.
        for ready_id, body in zip(answer[::2], answer[1::2], strict=True):
            self._take(ready_id.decode(), body)

    def _take(self, ready_id: str, body: bytes) -> None:
        # Recorded first, because another thread may be acknowledging the same id at this moment.
        self._fetched_again.add(ready_id)
        if ready_id in self._unacknowledged:
            return  # Rescued while this process was suspended, and fetched again: our copy is valid again.
        self._fetched_again.discard(ready_id)
        self._unacknowledged.add(ready_id)
        self._counted.add(ready_id)
        self.fetched.extend(self._read(ready_id, body))

    def _read(self, ready_id: str, body: bytes) -> Iterator[MessageProxy]:
        try:
            message = Message.decode(body)
        except DecodeError:
            log.error("message_unreadable", queue=self.queue_name, ready_id=ready_id)
            retry_until_answered(partial(self.broker.do_nack, self.queue_name, ready_id))
            self._forget(ready_id)
            return
        # dramatiq's worker would hold back a message that has an `eta`, and finds its consumer by `queue_name`.
        message = message.copy(queue_name=self.queue_name, options={"redis_message_id": ready_id})
        message.options.pop("eta", None)
        yield MessageProxy(message)

    def _acknowledge(self, message: MessageProxy | Message[Any], command: Any) -> None:
        ready_id = _ready_id(message)
        try:
            was_ours = retry_until_answered(partial(command, self.queue_name, ready_id))
            self._unacknowledged.discard(ready_id)
            if not was_ours or ready_id in self._fetched_again:
                # It was fetched again while we still had it; or it was scheduled again for the same due time, and
                # fetched between the store's answer and this line. It is in flight here, but no thread runs it.
                self._fetched_again.discard(ready_id)
                self._must_recover = True
        finally:
            was_full = self.room <= 0
            self._counted.discard(ready_id)
            if was_full:
                self.wakeup.set()

    def _forget(self, *ready_ids: str) -> None:
        self._counted.difference_update(ready_ids)
        self._unacknowledged.difference_update(ready_ids)
        self._fetched_again.difference_update(ready_ids)


def _ready_id(message: MessageProxy | Message[Any]) -> str:
    ready_id: str = message.options["redis_message_id"]
    return ready_id
