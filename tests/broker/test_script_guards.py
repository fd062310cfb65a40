"""Each test covers one guard of a queue script: messages of another worker, missing ones, and changed ones."""

from __future__ import annotations

import pytest

from common.queue.rescue import rescue
from tests.broker.looking import dead, fall_silent, held, job, ready, waiting

Q = "dramatiq:default"


@pytest.fixture
def consumer(broker, clock):
    broker.clock = clock
    broker.declare_queue("default")
    return broker.consume("default", prefetch=3, timeout=0)


def due_now(broker, job_id="dlv_1"):
    broker.schedule(job(job_id, due_ms=broker.clock.now_ms()))
    broker.promote()


def test_acknowledged_message_is_not_counted_as_started(broker, consumer, new_broker):
    for _ in range(4):
        due_now(broker)
        message = next(consumer)
        broker.emit_before("process_message", message)
        consumer.ack(message)
    due_now(broker)
    assert next(consumer).message_id == "dlv_1"
    fall_silent(broker)

    rescue(new_broker(), 3_000)

    # It was begun four times for the same due time; this time the dead worker had only fetched it.
    assert ready(broker) == [f"dlv_1@{broker.clock.now_ms()}"]
    assert broker.client.hlen("dramatiq:__takeovers__.default") == 0


def test_only_the_worker_that_holds_a_message_can_replace_it(broker, consumer, new_broker):
    due_now(broker)
    ready_id = next(consumer).options["redis_message_id"]
    before = broker.client.hget(f"{Q}.msgs", ready_id)

    assert new_broker().do_replace("default", ready_id, b"{}") == 0
    assert broker.client.hget(f"{Q}.msgs", ready_id) == before
    assert broker.do_replace("default", ready_id, b"{}") == 1


def test_dead_lettered_message_is_no_longer_in_the_queue(broker, consumer):
    due_now(broker)
    consumer.nack(next(consumer))

    assert len(dead(broker)) == 1
    assert broker.client.hlen(f"{Q}.msgs") == 0


def test_removed_dead_message_cannot_be_replaced(broker):
    assert broker.do_replace_dead("default", "gone", b"{}") == 0
    assert broker.client.hlen(f"{Q}.XQ.msgs") == 0


def test_only_dead_messages_older_than_the_given_age_are_removed(broker, consumer, clock):
    for job_id in ("old", "young"):
        due_now(broker, job_id)
        consumer.nack(next(consumer))
        clock.advance(1_000)

    assert broker.do_expire("default", 1_500) == 1

    assert [letter.message_id for letter in dead(broker)] == ["young"]
    assert broker.client.hlen(f"{Q}.XQ.msgs") == 1


def test_fetch_skips_a_deleted_message(broker, consumer):
    for job_id in ("dlv_1", "dlv_2"):
        due_now(broker, job_id)
    deleted, other = ready(broker)
    broker.client.hdel(f"{Q}.msgs", deleted)

    ready_ids = broker.do_fetch("default", 3)[::2]

    assert [ready_id.decode() for ready_id in ready_ids] == [other]
    assert {ready_id.partition("@")[0] for ready_id in held(broker)} == {"dlv_2"}


def test_only_a_waiting_unchanged_job_can_be_moved(broker, clock):
    broker.declare_queue("default")
    broker.schedule(job("dlv_1", due_ms=clock.now_ms()))
    body = broker.client.hget(f"{Q}.DQ.msgs", "dlv_1")

    assert broker.do_move("default", "dlv_1", 5, b"another", b"new") == -1
    assert waiting(broker) == {"dlv_1": clock.now_ms()}
    broker.client.zrem(f"{Q}.DQ", "dlv_1")
    assert broker.do_move("default", "dlv_1", 5, body, b"new") == 0
    assert broker.client.zcard(f"{Q}.DQ") == 0


def test_recovery_requeues_only_unknown_messages_that_still_have_a_body(broker, consumer):
    for job_id in ("known", "forgotten", "gone"):
        due_now(broker, job_id)
    known, forgotten, gone = (next(consumer).options["redis_message_id"] for _ in range(3))
    broker.client.hdel(f"{Q}.msgs", gone)

    assert broker.do_recover("default", known) == 1

    assert ready(broker) == [forgotten]
    assert held(broker) == {known}
