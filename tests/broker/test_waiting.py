"""Scheduled jobs wait in the store for any time, once for each id, can be moved and cancelled, and leave when due."""

from __future__ import annotations

import time

import dramatiq
import pytest
from dramatiq.message import Message

from common.clock import VirtualClock
from common.queue.job import Job
from tests.broker.conftest import working
from tests.broker.looking import eventually, job, ready, waiting

HOUR_MS = 3_600_000


@pytest.fixture
def virtual(broker, clock):
    broker.clock = clock
    broker.declare_queue("default")
    return broker


@pytest.fixture
def send(broker):
    """An actor that records the argument of each call in `calls`."""
    calls = []

    @dramatiq.actor(broker=broker, actor_name="send")
    def send(whom):
        calls.append(whom)

    send.calls = calls
    return send


def test_job_that_waits_264_hours_is_visible_in_the_store(virtual, clock, send):
    send.send_with_options(args=("ada",), delay=264 * HOUR_MS, job_id="dlv_ada_7")
    virtual.promote()

    assert waiting(virtual) == {"dlv_ada_7": clock.now_ms() + 264 * HOUR_MS}
    body = Message.decode(virtual.client.hget("dramatiq:default.DQ.msgs", "dlv_ada_7"))
    assert (body.queue_name, body.args) == ("default", ("ada",))
    assert clock.now_ms() + 264 * HOUR_MS == body.options["eta"]


def test_job_is_ready_at_its_due_time_and_not_a_millisecond_before(virtual, clock):
    virtual.schedule(job("dlv_1", due_ms=clock.now_ms() + 1_000))
    clock.advance(999)
    virtual.promote()
    assert ready(virtual) == []

    clock.advance(1)
    virtual.promote()

    assert ready(virtual) == [f"dlv_1@{clock.now_ms()}"]
    assert waiting(virtual) == {}


def test_job_scheduled_twice_waits_once_with_the_newest_due_time(virtual, clock, send):
    send.send_with_options(args=("ada",), delay=5_000, job_id="dlv_1")
    send.send_with_options(args=("ada, corrected",), delay=9_000, job_id="dlv_1")

    assert waiting(virtual) == {"dlv_1": clock.now_ms() + 9_000}
    body = Message.decode(virtual.client.hget("dramatiq:default.DQ.msgs", "dlv_1"))
    assert body.args == ("ada, corrected",)


def test_job_without_a_chosen_id_waits_under_its_message_id(virtual, send):
    first, second = (send.send_with_options(args=("ada",), delay=5_000) for _ in range(2))

    assert waiting(virtual).keys() == {first.message_id, second.message_id}


def test_job_with_a_chosen_id_and_no_delay_is_due_at_once_and_waits_once(virtual, clock, send):
    for _ in range(3):
        send.send_with_options(args=("ada",), job_id="dlv_1")

    assert waiting(virtual) == {"dlv_1": clock.now_ms()}


def test_job_with_the_same_due_time_is_not_duplicated_while_ready_or_in_flight(virtual, clock):
    for _ in range(2):
        virtual.schedule(job("dlv_1", due_ms=clock.now_ms()))
        virtual.promote()
    assert len(ready(virtual)) == 1

    [running] = virtual.do_fetch("default", 10)[::2]
    virtual.schedule(job("dlv_1", due_ms=clock.now_ms()))
    virtual.promote()

    assert running.decode() == f"dlv_1@{clock.now_ms()}"
    assert ready(virtual) == []


def test_cancelled_job_never_becomes_ready(virtual, clock):
    virtual.schedule(job("dlv_1", due_ms=clock.now_ms() + 10))

    assert virtual.cancel("default", "dlv_1") is True
    assert virtual.cancel("default", "dlv_1") is False
    clock.advance(10)
    virtual.promote()
    assert ready(virtual) == []
    assert waiting(virtual) == {}


def test_moved_job_is_due_at_its_new_time_and_has_it_in_its_body(virtual, clock):
    virtual.schedule(job("dlv_1", due_ms=clock.now_ms() + 10))

    assert virtual.move("default", "dlv_1", clock.now_ms() + 20) is True
    body = Message.decode(virtual.client.hget("dramatiq:default.DQ.msgs", "dlv_1"))
    assert clock.now_ms() + 20 == body.options["eta"]
    clock.advance(10)
    virtual.promote()
    assert ready(virtual) == []
    clock.advance(10)
    virtual.promote()
    assert ready(virtual) == [f"dlv_1@{clock.now_ms()}"]


def test_job_that_does_not_wait_cannot_be_moved(virtual, clock):
    assert virtual.move("default", "dlv_1", clock.now_ms()) is False
    virtual.schedule(job("dlv_1", due_ms=clock.now_ms()))
    virtual.promote()

    assert virtual.move("default", "dlv_1", clock.now_ms() + 1) is False
    assert waiting(virtual) == {}


def test_job_ids_are_separate_for_each_queue(virtual, clock):
    virtual.declare_queue("mirror")
    virtual.schedule(job("1", due_ms=clock.now_ms()))
    virtual.schedule(job("1", due_ms=clock.now_ms() + 1, queue="mirror"))

    assert virtual.cancel("mirror", "1") is True
    assert waiting(virtual) == {"1": clock.now_ms()}


def test_promotion_returns_moved_and_ready_counts_and_the_next_due_time(virtual, clock):
    virtual.declare_queue("mirror")
    virtual.schedule(job("1", due_ms=clock.now_ms()))
    virtual.schedule(job("2", due_ms=clock.now_ms() + 7))

    default, mirror = virtual.promote()

    assert ("default", 1, 1, clock.now_ms() + 7) == (default.queue, default.moved, default.ready, default.next_due_ms)
    assert (mirror.queue, mirror.moved, mirror.ready, mirror.next_due_ms) == ("mirror", 0, 0, None)


def test_many_due_jobs_are_promoted_in_batches_in_the_order_of_due_times(virtual, clock):
    for n in range(1_200):
        virtual.schedule(job(f"{n:04}", due_ms=clock.now_ms() - 1_200 + n))

    assert [virtual.promote()[0].moved for _ in range(4)] == [500, 500, 200, 0]
    assert [f"{n:04}" for n in range(1_200)] == [ready_id.partition("@")[0] for ready_id in ready(virtual)]


def test_job_without_a_body_gets_its_standard_body_at_its_promotion(virtual, clock):
    virtual.client.zadd("dramatiq:default.DQ", {"dlv_1": clock.now_ms()})

    virtual.promote()

    plain = Job(id="dlv_1", actor="default", args=("dlv_1",), due_ms=clock.now_ms())
    ready_id = f"dlv_1@{clock.now_ms()}"
    assert virtual.client.hget("dramatiq:default.msgs", ready_id) == plain.message().encode()


def test_job_without_a_body_can_be_moved(virtual, clock):
    virtual.client.zadd("dramatiq:default.DQ", {"dlv_1": clock.now_ms()})

    assert virtual.move("default", "dlv_1", clock.now_ms() + 20) is True

    assert waiting(virtual) == {"dlv_1": clock.now_ms() + 20}
    assert virtual.client.exists("dramatiq:default.DQ.msgs") == 0


def test_job_added_directly_to_the_sorted_set_runs(broker):
    """The ledger's scripts do so: they add a score and no body."""
    calls = []

    @dramatiq.actor(broker=broker, actor_name="default")
    def default(whom):
        calls.append(whom)

    now_ms = broker.clock.now_ms()
    broker.client.zadd("dramatiq:default.DQ", {"dlv_1": now_ms})

    with working(broker):
        eventually(lambda: calls == ["dlv_1"])
        broker.join("default", interval=5, timeout=60_000)


def test_nine_thousand_jobs_due_later_do_not_delay_a_near_one(broker, new_broker):
    started = []

    @dramatiq.actor(broker=broker, actor_name="send")
    def send(whom):
        started.append(broker.clock.now_ms())

    producer = new_broker()
    far_ms = producer.clock.now_ms() + 72 * HOUR_MS
    pipeline = producer.client.pipeline(transaction=False)
    pipeline.zadd("dramatiq:default.DQ", {f"far-{n}": far_ms + n for n in range(9_000)})
    bodies = {f"far-{n}": job(f"far-{n}", due_ms=far_ms + n).message() for n in range(9_000)}
    pipeline.hset("dramatiq:default.DQ.msgs", mapping=bodies)
    pipeline.execute()

    with working(broker):
        due_ms = producer.clock.now_ms() + 1_000
        producer.schedule(job("near", due_ms=due_ms))
        eventually(lambda: started)

    # Usually a few milliseconds; a machine that is busy with other tests may need longer.
    assert 0 <= started[0] - due_ms < 5_000
    assert len(waiting(broker)) == 9_000


def test_job_with_the_earlier_due_time_runs_first(broker, send):
    send.send_with_options(args=("later",), delay=1_000)
    send.send_with_options(args=("sooner",), delay=20)

    with working(broker, worker_threads=1):
        eventually(lambda: len(send.calls) == 2)

    assert send.calls == ["sooner", "later"]


def test_idle_worker_starts_a_message_long_before_its_timeout(broker, new_broker, send):
    with working(broker, worker_timeout=3_000) as worker:
        eventually(lambda: worker.consumers["default"].consumer)
        time.sleep(0.3)  # Idle for long enough that stock dramatiq would sleep for seconds now.
        sent = time.monotonic()
        new_broker().enqueue(send.message("ada"))
        eventually(lambda: send.calls)
        assert time.monotonic() - sent < 2.5


def test_no_delayed_job_runs_while_the_clock_stands(broker, send):
    broker.clock = VirtualClock()
    send.send_with_options(args=("ada",), delay=50)

    with working(broker):
        time.sleep(0.15)
        assert send.calls == []
        broker.clock.advance(50)
        eventually(lambda: send.calls)
