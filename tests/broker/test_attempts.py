"""Retries use the same path and the same id, and never interfere with the attempt that they follow."""

from __future__ import annotations

import dramatiq
import pytest
from dramatiq.errors import Retry
from dramatiq.message import Message

from tests.broker.conftest import working
from tests.broker.looking import dead, eventually, held, job, ready, waiting


@pytest.fixture
def attempts():
    return []


def test_a_failed_attempt_waits_in_the_store_for_the_next(broker, attempts):
    @dramatiq.actor(broker=broker, min_backoff=60_000)
    def send():
        attempts.append(1)
        raise RuntimeError("the provider is away")

    message = send.send()
    with working(broker):
        due = eventually(lambda: waiting(broker))
        eventually(lambda: not held(broker))

    assert due.keys() == {message.message_id}
    assert ready(broker) == []
    body = Message.decode(broker.client.hget("dramatiq:default.DQ.msgs", message.message_id))
    assert body.options["retries"] == 1
    assert "the provider is away" in body.options["traceback"]


def test_a_message_is_tried_again_until_it_succeeds_and_leaves_nothing(broker, attempts):
    @dramatiq.actor(broker=broker, min_backoff=10, max_backoff=10)
    def send():
        attempts.append(1)
        if len(attempts) < 4:
            raise RuntimeError("not yet")

    send.send_with_options(job_id="dlv_1", delay=10)
    with working(broker):
        eventually(lambda: len(attempts) == 4)
        broker.join("default", interval=5, timeout=60_000)

    assert dead(broker) == []
    assert [key for key in broker.client.keys("*") if b"default" in key] == []


def test_retry_in_the_same_millisecond_is_not_mistaken_for_the_attempt_it_follows(broker, attempts, clock):
    broker.clock = clock  # It moves only by `advance`: a retry begins at the time of its attempt.

    @dramatiq.actor(broker=broker)
    def send():
        attempts.append(1)
        if len(attempts) < 3:
            raise Retry("again, at once", delay=0)

    send.send_with_options(job_id="dlv_1")
    with working(broker):
        eventually(lambda: len(attempts) == 1 and waiting(broker))
        clock.advance(1)
        eventually(lambda: len(attempts) == 2 and waiting(broker))
        clock.advance(1)
        eventually(lambda: len(attempts) == 3)


def test_the_end_of_an_old_attempt_does_not_delete_the_promoted_next_one(broker, clock):
    broker.clock = clock
    broker.declare_queue("default")
    broker.schedule(job("dlv_1", due_ms=clock.now_ms()))
    broker.promote()
    consumer = broker.consume("default", timeout=10)
    old = next(consumer)
    broker.schedule(job("dlv_1", due_ms=clock.now_ms() + 5))
    clock.advance(5)
    broker.promote()

    consumer.ack(old)

    new = next(consumer)
    assert new.message_id == old.message_id == "dlv_1"
    assert new.options["redis_message_id"] == f"dlv_1@{clock.now_ms()}"


def test_retry_and_the_end_of_its_attempt_are_atomic(broker, clock):
    broker.clock = clock
    broker.declare_queue("default")
    broker.schedule(job("dlv_1", due_ms=clock.now_ms()))
    broker.promote()
    attempt = next(broker.consume("default", timeout=10))

    broker.enqueue(attempt, delay=1_000)

    assert waiting(broker) == {"dlv_1": clock.now_ms() + 1_000}
    assert held(broker) == set()
    assert not broker.client.exists("dramatiq:default.msgs")


def test_immediate_retry_survives_a_late_acknowledgement_of_its_attempt(broker, clock):
    broker.clock = clock
    broker.declare_queue("default")
    consumer = broker.consume("default", prefetch=2, timeout=10)
    broker.schedule(job("dlv_1", due_ms=clock.now_ms()))
    broker.promote()
    old = next(consumer)
    broker.enqueue(old, delay=0)
    assert waiting(broker) == {"dlv_1": clock.now_ms() + 1}
    clock.advance(1)
    broker.promote()
    new = next(consumer)

    consumer.ack(old)

    assert held(broker) == {new.options["redis_message_id"]}


def test_waiting_retry_can_be_cancelled(broker, attempts):
    @dramatiq.actor(broker=broker, min_backoff=60_000)
    def send():
        attempts.append(1)
        raise RuntimeError("the provider is away")

    send.send_with_options(job_id="dlv_1", delay=0)
    with working(broker):
        eventually(lambda: attempts and waiting(broker))

    assert broker.cancel("default", "dlv_1") is True


def test_a_dead_letter_keeps_the_reason_of_its_first_and_only_attempt(broker):
    @dramatiq.actor(broker=broker, max_retries=0)
    def send():
        raise RuntimeError("malformed address")

    message = send.send()
    with working(broker):
        [letter] = eventually(lambda: dead(broker))

    assert letter.message_id == message.message_id
    assert "malformed address" in letter.options["traceback"]
    assert letter.options["redis_message_id"] == message.options["redis_message_id"]


def test_message_for_an_unknown_actor_is_a_dead_letter_with_that_reason(broker):
    broker.schedule(job("dlv_1", due_ms=broker.clock.now_ms()))
    broker.declare_queue("default")

    with working(broker):
        [letter] = eventually(lambda: dead(broker))

    assert "ActorNotFound" in letter.options["traceback"]


def test_dead_message_stays_unless_a_time_to_live_is_set(broker):
    broker.declare_queue("default")
    broker.do_enqueue("default", "rid", b"{}")
    broker.do_fetch("default", 1)
    broker.do_nack("default", "rid")
    broker.client.zadd("dramatiq:default.XQ", {"rid": 1})  # Dead since 1970.
    broker.maintenance_chance = 1_000_000

    broker.do_qsize("default")
    assert broker.client.zcard("dramatiq:default.XQ") == 1

    broker.dead_message_ttl = 7 * 86_400_000
    broker.do_qsize("default")
    assert broker.client.exists("dramatiq:default.XQ", "dramatiq:default.XQ.msgs") == 0
