"""What a worker process fetches from a queue, and what it does with unusable messages."""

from __future__ import annotations

import threading

import dramatiq
import pytest
import redis
from dramatiq.message import Message

from tests.broker.conftest import working
from tests.broker.looking import dead, eventually, held, job, ready, workers


@pytest.fixture
def consumer(broker, clock):
    broker.clock = clock
    broker.declare_queue("default")
    return broker.consume("default", prefetch=3, timeout=10)


def put(broker, *job_ids):
    for job_id in job_ids:
        broker.do_enqueue("default", job_id, job(job_id, due_ms=1).message())


def test_fetched_message_has_the_id_of_the_store_and_no_eta(broker, consumer, clock):
    broker.schedule(job("dlv_1", due_ms=clock.now_ms()))
    broker.promote()

    message = next(consumer)

    assert message.options == {"redis_message_id": f"dlv_1@{clock.now_ms()}"}
    assert (message.queue_name, message.args) == ("default", ("dlv_1",))


def test_fetched_message_belongs_to_its_queue_whatever_its_body_says(broker, consumer):
    broker.do_enqueue("default", "1", job("1", due_ms=1, queue="default.DQ").message())

    assert next(consumer).queue_name == "default"


def test_empty_queue_returns_none_after_the_timeout(consumer):
    assert next(consumer) is None


def test_process_holds_no_more_messages_of_a_queue_than_its_limit(broker, consumer):
    broker.in_flight.limits["default"] = 2
    put(broker, "1", "2", "3", "4")

    first, second = next(consumer), next(consumer)
    assert next(consumer) is None
    assert ready(broker) == ["3", "4"]

    consumer.ack(second)
    assert next(consumer).message_id == "3"
    assert held(broker) == {"1", "3"}
    assert first.message_id == "1"


def test_consumer_without_a_limit_fetches_as_many_as_the_worker_prefetches(broker, consumer):
    put(broker, "1", "2", "3", "4")
    next(consumer)

    assert consumer.outstanding_message_count == 3
    assert ready(broker) == ["4"]


def test_limit_of_a_queue_also_applies_to_a_new_consumer(broker, consumer):
    put(broker, "1", "2", "3", "4")
    for _ in range(3):
        next(consumer)

    assert next(broker.consume("default", prefetch=3, timeout=10)) is None


def test_a_slow_queue_leaves_threads_for_the_others(broker):
    broker.in_flight.limits["slow"] = 2
    release, done = threading.Event(), []

    @dramatiq.actor(broker=broker, queue_name="slow")
    def mirror():
        release.wait(60)

    @dramatiq.actor(broker=broker)
    def send():
        done.append(1)

    for _ in range(10):
        mirror.send()
    with working(broker, worker_threads=4):
        eventually(lambda: len(held(broker, "slow")) == 2)
        send.send()
        eventually(lambda: done)
        release.set()
        broker.join("slow", interval=5, timeout=60_000)


def test_message_without_a_body_is_skipped(broker, consumer):
    put(broker, "1", "2")
    broker.client.hdel("dramatiq:default.msgs", "1")

    assert next(consumer).message_id == "2"
    assert held(broker) == {"2"}


def test_unreadable_message_is_a_dead_letter_and_blocks_no_other(broker, consumer):
    broker.do_enqueue("default", "garbled", b"\x00")
    put(broker, "1")

    assert next(consumer).message_id == "1"
    assert broker.client.hgetall("dramatiq:default.XQ.msgs") == {b"garbled": b"\x00"}
    assert held(broker) == {"1"}


def test_message_that_cannot_be_encoded_again_is_dead_lettered_unchanged(broker, consumer):
    put(broker, "1")
    message = next(consumer)
    message.options["who"] = object()

    consumer.nack(message)

    assert [letter.message_id for letter in dead(broker)] == ["1"]


def test_second_acknowledgement_or_one_of_an_unknown_message_changes_nothing(broker, consumer):
    put(broker, "1", "2")
    message = next(consumer)
    consumer.ack(message)
    consumer.ack(message)
    consumer.nack(message)
    consumer.nack(Message("default", "send", (), {}, {"redis_message_id": "never seen"}))

    assert dead(broker) == []
    assert next(consumer).message_id == "2"


def test_requeued_messages_are_next_again_in_their_order(broker, consumer):
    put(broker, "1", "2", "3", "4")
    messages = [next(consumer) for _ in range(3)]

    consumer.requeue(messages)

    assert ready(broker) == ["1", "2", "3", "4"]
    assert held(broker) == set()
    assert consumer.outstanding_message_count == 0


def test_closing_consumer_requeues_unread_messages(broker, consumer):
    put(broker, "1", "2", "3")
    assert next(consumer).message_id == "1"

    consumer.close()

    assert ready(broker) == ["2", "3"]


def test_fetch_with_a_lost_answer_loses_no_message(broker, consumer, monkeypatch):
    put(broker, "1", "2")
    fetch = broker.do_fetch

    def fetch_unheard(*args):
        fetch(*args)
        raise redis.ConnectionError("reset by peer")

    monkeypatch.setattr(broker, "do_fetch", fetch_unheard, raising=False)
    assert next(consumer) is None
    assert held(broker) == {"1", "2"}
    monkeypatch.undo()

    assert {next(consumer).message_id, next(consumer).message_id} == {"1", "2"}


def test_message_with_a_failed_acknowledgement_is_not_fetched_again(broker, consumer, monkeypatch):
    """A message has run already when its acknowledgement could not reach the store."""
    put(broker, "1", "2")
    message = next(consumer)
    fails = iter([redis.ResponseError("unknown command")])
    monkeypatch.setattr(broker, "do_ack", lambda *_: (_ for _ in ()).throw(next(fails)), raising=False)
    with pytest.raises(redis.ResponseError):
        consumer.ack(message)
    monkeypatch.undo()

    successor = broker.consume("default", prefetch=3, timeout=10)
    assert next(successor) is None
    successor.ack(message)
    assert held(broker) == {"2"}


def test_producer_is_not_listed_as_a_worker(broker, new_broker):
    producer = new_broker()
    put(producer, "1")
    producer.schedule(job("2", due_ms=1))
    producer.do_qsize("default")
    assert workers(broker) == set()

    next(broker.consume("default", timeout=10))

    assert workers(broker) == {broker.broker_id}


def test_an_actor_is_known_before_a_running_worker_consumes_its_queue(broker):
    known = []

    class WhenDeclared(dramatiq.Middleware):
        """A worker starts its consumer at this moment; a message for an unknown actor would become a dead letter."""

        def after_declare_queue(self, broker, queue_name):
            known.append(broker.get_actor(queue_name).actor_name)

    broker.add_middleware(WhenDeclared())

    dramatiq.actor(actor_name="late", queue_name="late", broker=broker)(lambda job: None)

    assert known == ["late"]
