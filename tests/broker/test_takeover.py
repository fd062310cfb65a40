"""Which messages a rescue returns, in what order, and which are blamed; each script alone, without processes."""

from __future__ import annotations

import pytest

from common.observability.metrics import RESCUED
from common.queue.lua_broker import CRASHES_MAX
from common.queue.rescue import deregister, rescue
from tests.broker.conftest import working
from tests.broker.looking import dead, eventually, fall_silent, held, job, ready, waiting, workers

TIMEOUT_MS = 3_000


@pytest.fixture
def gone(new_broker, clock):
    """A worker that fetches messages and then falls silent."""
    broker = new_broker()
    broker.clock = clock
    broker.declare_queue("default")
    return broker


def takes(broker, *job_ids, queue="default"):
    for job_id in job_ids:
        broker.do_enqueue(queue, job_id, job(job_id, due_ms=1).message())
    consumer = broker.consume(queue, prefetch=len(job_ids), timeout=10)
    return [next(consumer) for _ in job_ids]


def test_rescue_requeues_messages_of_a_dead_worker_first_and_removes_the_worker(broker, gone):
    takes(gone, "1", "2")
    takes(gone, "m", queue="mirror")
    gone.do_enqueue("default", "3", job("3", due_ms=1).message())
    fall_silent(gone)
    before = RESCUED.labels("default")._value.get()

    assert rescue(broker, TIMEOUT_MS) == 3
    assert ready(broker) == ["1", "2", "3"]
    assert ready(broker, "mirror") == ["m"]
    assert held(gone) == set()
    assert broker.client.keys("dramatiq:__*") == []
    assert RESCUED.labels("default")._value.get() == before + 2


def test_rescued_messages_keep_their_order_however_many_there_are(broker, gone, clock):
    for n in range(400):
        gone.schedule(job(f"{(n * 7919) % 400:03}", due_ms=clock.now_ms() - 400 + n))
    gone.promote()
    order = ready(gone)
    gone.do_fetch("default", 400)
    fall_silent(gone)

    rescue(broker, TIMEOUT_MS)

    assert ready(broker) == order


def test_worker_with_a_recent_heartbeat_keeps_its_messages(broker, gone):
    takes(gone, "1")
    gone.do_heartbeat("")

    assert rescue(broker, TIMEOUT_MS) == 0
    assert held(gone) == {"1"}


def test_worker_does_not_rescue_its_own_messages(broker):
    takes(broker, "1")
    fall_silent(broker)

    assert rescue(broker, TIMEOUT_MS) == 0
    assert held(broker) == {"1"}


def test_rescue_does_not_restore_a_deleted_message(broker, gone):
    takes(gone, "1", "2")
    gone.client.hdel("dramatiq:default.msgs", "1")
    fall_silent(gone)

    rescue(broker, TIMEOUT_MS)

    assert ready(broker) == ["2"]


def test_message_running_at_three_worker_deaths_is_a_dead_letter_with_its_reason(broker, new_broker):
    broker.do_enqueue("default", "1", job("1", due_ms=1).message())
    for death in range(CRASHES_MAX):
        assert dead(broker) == [], death
        victim = new_broker()
        victim._start_message(next(victim.consume("default", timeout=10)))
        fall_silent(victim)
        rescue(broker, TIMEOUT_MS)

    [letter] = dead(broker)
    assert letter.message_id == "1"
    assert "3 workers died" in letter.options["traceback"]
    assert letter.options["redis_message_id"] == "1"
    assert ready(broker) == []
    assert [key for key in broker.client.keys("*") if b"XQ" not in key] == []


def test_fetched_message_that_was_not_started_is_never_blamed(broker, new_broker):
    broker.do_enqueue("default", "bystander", job("bystander", due_ms=1).message())
    for _ in range(2 * CRASHES_MAX):
        victim = new_broker()
        next(victim.consume("default", timeout=10))
        fall_silent(victim)
        rescue(broker, TIMEOUT_MS)

    assert ready(broker) == ["bystander"]
    assert dead(broker) == []


def test_acknowledged_message_has_no_more_worker_deaths_counted(broker, new_broker, gone):
    [message] = takes(gone, "1")
    gone._start_message(message)
    fall_silent(gone)
    rescue(broker, TIMEOUT_MS)
    assert broker.client.hgetall("dramatiq:__takeovers__.default") == {b"1": b"1"}

    consumer = broker.consume("default", timeout=10)
    message = next(consumer)
    broker._start_message(message)
    consumer.ack(message)

    assert not broker.client.exists("dramatiq:__takeovers__.default")


def test_stalled_worker_changes_nothing_after_its_messages_were_rescued(broker, gone):
    done, failed, again, unread = takes(gone, "1", "2", "3", "4")
    for message in (done, failed, again):
        gone._start_message(message)
    fall_silent(gone)
    rescue(broker, TIMEOUT_MS)
    theirs = broker.consume("default", prefetch=4, timeout=10)
    others = [next(theirs) for _ in range(4)]

    asleep = gone._consumers["default"]
    asleep.ack(done)
    asleep.nack(failed)
    gone.enqueue(again, delay=10)
    asleep.requeue([unread])

    assert [message.message_id for message in others] == ["1", "2", "3", "4"]
    assert held(broker) == {"1", "2", "3", "4"}
    assert broker.client.hlen("dramatiq:default.msgs") == 4
    assert (ready(broker), waiting(broker), dead(broker)) == ([], {}, [])


def test_stalled_worker_does_not_start_a_message_that_was_rescued(broker, gone):
    [message] = takes(gone, "1")
    fall_silent(gone)
    rescue(broker, TIMEOUT_MS)

    with pytest.raises(Exception, match="taken over"):
        gone._start_message(message)


def test_stalled_worker_that_fetches_its_rescued_message_again_has_it_once(broker, gone):
    consumer = gone.consume("default", prefetch=5, timeout=10)
    gone.do_enqueue("default", "1", job("1", due_ms=1).message())
    message = next(consumer)
    fall_silent(gone)
    rescue(broker, TIMEOUT_MS)

    assert next(consumer) is None  # It is fetched again, but not delivered a second time.
    assert held(gone) == {"1"}
    gone._start_message(message)
    consumer.ack(message)
    assert (held(gone), ready(gone)) == (set(), [])


def test_message_rescued_during_its_acknowledgement_is_fetched_again(broker, gone):
    consumer = gone.consume("default", prefetch=5, timeout=10)
    gone.do_enqueue("default", "1", job("1", due_ms=1).message())
    message = next(consumer)
    fall_silent(gone)
    rescue(broker, TIMEOUT_MS)
    answer = gone.do_ack

    def ack_then_fetch(*args):
        answered = answer(*args)
        assert next(consumer) is None
        return answered

    gone.do_ack = ack_then_fetch
    consumer.ack(message)
    assert held(gone) == {"1"}

    assert next(consumer).message_id == "1"


def test_fetch_registers_a_worker_again_after_a_rescue(broker, gone):
    takes(gone, "1")
    fall_silent(gone)
    rescue(broker, TIMEOUT_MS)
    assert workers(broker) == set()

    gone.do_fetch("default", 1)

    assert workers(broker) == {gone.broker_id}


def test_deregistering_worker_requeues_its_messages_and_blames_none(broker, gone):
    for message in takes(gone, "1", "2"):
        gone._start_message(message)

    deregister(gone)

    assert ready(broker) == ["1", "2"]
    assert broker.client.keys("dramatiq:__*") == []


def test_worker_with_a_gap_in_its_own_heartbeat_rescues_nothing(broker, gone, monkeypatch):
    """While the store is away, all workers are silent, and none of them is dead."""
    monkeypatch.setattr(broker.heartbeat, "_store_is_up_for", lambda _ms: True)
    takes(gone, "1")
    broker.heartbeat.run_once()
    fall_silent(broker)
    fall_silent(gone)

    broker.heartbeat.run_once()
    broker.heartbeat.run_once()
    assert held(gone) == {"1"}

    broker.heartbeat_timeout = 30
    broker.heartbeat._may_rescue_ms = None
    eventually(lambda: broker.heartbeat.run_once() and held(gone) == set())


def test_worker_rescues_nothing_while_the_store_has_just_started(broker, gone, monkeypatch):
    monkeypatch.setattr(broker.heartbeat, "_store_is_up_for", lambda _ms: False)
    takes(gone, "1")
    fall_silent(gone)

    broker.heartbeat.run_once()

    assert held(gone) == {"1"}


def test_a_worker_that_finds_itself_removed_registers_again(broker, new_broker):
    with working(broker):
        eventually(lambda: broker.broker_id in workers(broker))
        fall_silent(broker)
        rescue(new_broker(), TIMEOUT_MS)
        eventually(lambda: broker.broker_id in workers(broker))


def test_messages_of_a_worker_with_a_heartbeat_in_the_future_are_rescued(broker, gone):
    takes(gone, "1")
    seconds, _ = broker.client.time()
    broker.client.zadd(broker.layout.heartbeats(), {gone.broker_id: (seconds + 90_000) * 1_000})

    assert rescue(broker, TIMEOUT_MS) == 1
    assert ready(broker) == ["1"]
