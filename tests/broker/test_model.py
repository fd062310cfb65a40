"""Compares scheduling, cancelling, moving, promoting, fetching, ending and leaving, in any order, with a model."""

from __future__ import annotations

from typing import Any

from dramatiq.broker import MessageProxy
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from common.clock import VirtualClock
from common.queue.broker import DurableRedisBroker
from common.queue.job import Job
from common.queue.rescue import deregister
from tests.broker.looking import dead, ready, waiting

ids = st.sampled_from(["dlv_1", "dlv_2", "dlv_3"])
delays = st.integers(min_value=0, max_value=5)


class Queue(RuleBasedStateMachine):
    """
    The model: scheduled jobs (id → due time), and the messages that are ready (in order), in flight or dead, each as an
    id with a due time. A job promoted for a due time for which it is already ready or in flight is dropped.
    """

    url: str
    flying = Bundle("flying")

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.broker = DurableRedisBroker(url=self.url)
        self.broker.client.flushall()
        self.broker.clock = self.clock
        self.broker.declare_queue("default")
        self.consumer = self.broker.consume("default", prefetch=100, timeout=0)
        self.waits: dict[str, int] = {}
        self.ready: list[str] = []
        self.flies: set[str] = set()
        self.dead: list[str] = []

    def teardown(self) -> None:
        self.broker.close()

    @rule(job_id=ids, delay=delays)
    def schedule(self, job_id: str, delay: int) -> None:
        due_ms = self.clock.now_ms() + delay
        self.broker.schedule(Job(id=job_id, actor="send", queue="default", args=(job_id,), due_ms=due_ms))
        self.waits[job_id] = due_ms

    @rule(job_id=ids)
    def cancel(self, job_id: str) -> None:
        assert self.broker.cancel("default", job_id) is (self.waits.pop(job_id, None) is not None)

    @rule(job_id=ids, delay=delays)
    def move(self, job_id: str, delay: int) -> None:
        due_ms = self.clock.now_ms() + delay
        assert self.broker.move("default", job_id, due_ms) is (job_id in self.waits)
        if job_id in self.waits:
            self.waits[job_id] = due_ms

    @rule(ms=delays)
    def time_passes(self, ms: int) -> None:
        self.clock.advance(ms)

    @rule()
    def promote(self) -> None:
        self.broker.promote()
        due = sorted((due_ms, job_id) for job_id, due_ms in self.waits.items() if due_ms <= self.clock.now_ms())
        for due_ms, job_id in due:
            del self.waits[job_id]
            ready_id = f"{job_id}@{due_ms}"
            if ready_id not in self.ready and ready_id not in self.flies:
                self.ready.append(ready_id)

    @rule(target=flying)
    def fetch(self) -> Any:
        self.broker.in_flight.limits["default"] = len(self.flies) + 1
        message = next(self.consumer)
        assert (message is None) is (not self.ready)
        if message is None:
            return None
        ready_id = self.ready.pop(0)
        assert message.options["redis_message_id"] == ready_id
        assert message.args == (ready_id.partition("@")[0],)
        self.flies.add(ready_id)
        return message

    @rule(message=consumes(flying))
    def ack(self, message: MessageProxy | None) -> None:
        if message is not None:
            self.consumer.ack(message)
            self.flies.discard(message.options["redis_message_id"])

    @rule(message=consumes(flying))
    def nack(self, message: MessageProxy | None) -> None:
        if message is not None:
            self.consumer.nack(message)
            if message.options["redis_message_id"] in self.flies:
                self.flies.remove(message.options["redis_message_id"])
                self.dead.append(message.options["redis_message_id"])

    @rule(message=consumes(flying), delay=delays)
    def retry(self, message: MessageProxy | None, delay: int) -> None:
        if message is None:
            return
        ready_id = message.options["redis_message_id"]
        self.broker.enqueue(message, delay=delay)
        self.consumer.ack(message)
        if ready_id in self.flies:
            self.flies.remove(ready_id)
            job_id, _, due_ms = ready_id.partition("@")
            self.waits[job_id] = max(self.clock.now_ms() + delay, int(due_ms) + 1)

    @rule()
    def leave_and_come_again(self) -> None:
        deregister(self.broker)
        for taken in (self.broker.in_flight.counted, self.broker.in_flight.unacknowledged):
            taken["default"].clear()
        self.ready = sorted(self.flies, key=lambda ready_id: int(ready_id.partition("@")[2])) + self.ready
        self.flies.clear()

    @invariant()
    def store_and_model_say_the_same(self) -> None:
        assert waiting(self.broker) == self.waits
        assert sorted(ready(self.broker)) == sorted(self.ready)
        self.ready = ready(self.broker)  # Messages with the same due time may be in any order.
        assert {letter.options["redis_message_id"] for letter in dead(self.broker)} == set(self.dead)
        bodies = {ready_id.decode() for ready_id in self.broker.client.hkeys("dramatiq:default.msgs")}
        assert bodies == {*self.ready, *self.flies}


def test_queue_equals_its_model_after_any_order_of_operations(store_url):
    Queue.url = store_url
    test = Queue.TestCase
    test.settings = settings(max_examples=60, stateful_step_count=30, suppress_health_check=list(HealthCheck))
    test().runTest()
