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


def test_what_ended_well_is_not_remembered_as_begun(broker, consumer, new_broker):
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


def test_only_who_has_a_message_can_amend_it(broker, consumer, new_broker):
    due_now(broker)
    ready_id = next(consumer).options["redis_message_id"]
    before = broker.client.hget(f"{Q}.msgs", ready_id)

    assert new_broker().do_replace("default", ready_id, b"{}") == 0
    assert broker.client.hget(f"{Q}.msgs", ready_id) == before
    assert broker.do_replace("default", ready_id, b"{}") == 1


def test_a_dead_lettered_message_is_in_the_queue_no_longer(broker, consumer):
    due_now(broker)
    consumer.nack(next(consumer))

    assert len(dead(broker)) == 1
    assert broker.client.hlen(f"{Q}.msgs") == 0


def test_what_is_no_dead_letter_any_longer_gets_no_note(broker):
    assert broker.do_replace_dead("default", "gone", b"{}") == 0
    assert broker.client.hlen(f"{Q}.XQ.msgs") == 0


def test_dead_letters_older_than_asked_for_are_dropped_and_younger_ones_stay(broker, consumer, clock):
    for job_id in ("old", "young"):
        due_now(broker, job_id)
        consumer.nack(next(consumer))
        clock.advance(1_000)

    assert broker.do_expire("default", 1_500) == 1

    assert [letter.message_id for letter in dead(broker)] == ["young"]
    assert broker.client.hlen(f"{Q}.XQ.msgs") == 1


def test_a_message_that_somebody_deleted_is_passed_over(broker, consumer):
    for job_id in ("dlv_1", "dlv_2"):
        due_now(broker, job_id)
    deleted, other = ready(broker)
    broker.client.hdel(f"{Q}.msgs", deleted)

    ready_ids = broker.do_fetch("default", 3)[::2]

    assert [ready_id.decode() for ready_id in ready_ids] == [other]
    assert {ready_id.partition("@")[0] for ready_id in held(broker)} == {"dlv_2"}


def test_only_what_waits_can_be_moved_and_only_as_it_was_when_it_was_looked_at(broker, clock):
    broker.declare_queue("default")
    broker.schedule(job("dlv_1", due_ms=clock.now_ms()))
    body = broker.client.hget(f"{Q}.DQ.msgs", "dlv_1")

    assert broker.do_move("default", "dlv_1", 5, b"another", b"new") == -1
    assert waiting(broker) == {"dlv_1": clock.now_ms()}
    broker.client.zrem(f"{Q}.DQ", "dlv_1")
    assert broker.do_move("default", "dlv_1", 5, body, b"new") == 0
    assert broker.client.zcard(f"{Q}.DQ") == 0


def test_what_a_worker_knows_of_is_left_with_it_and_what_is_gone_is_not_brought_back(broker, consumer):
    for job_id in ("known", "forgotten", "gone"):
        due_now(broker, job_id)
    known, forgotten, gone = (next(consumer).options["redis_message_id"] for _ in range(3))
    broker.client.hdel(f"{Q}.msgs", gone)

    assert broker.do_recover("default", known) == 1

    assert ready(broker) == [forgotten]
    assert held(broker) == {known}
