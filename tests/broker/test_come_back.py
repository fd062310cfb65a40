"""A job is scheduled again for the same due time while its worker acknowledges the message."""

from __future__ import annotations

from tests.broker.looking import held, job


def test_job_scheduled_again_during_its_acknowledgement_is_fetched_again(broker, clock):
    broker.clock = clock
    broker.declare_queue("default")
    consumer = broker.consume("default", prefetch=3, timeout=0)
    again = job("dlv_1", due_ms=clock.now_ms())
    broker.schedule(again)
    broker.promote()
    first = next(consumer)
    acknowledge = broker.do_ack

    def acknowledged_and_back(*args):
        answer = acknowledge(*args)
        broker.schedule(again)  # The claim was refused as "not yet", because another worker's clock is ahead.
        broker.promote()
        assert next(consumer) is None  # The consumer still counts the message as its own.
        return answer

    broker.do_ack = acknowledged_and_back
    consumer.ack(first)
    del broker.do_ack

    assert next(consumer).message_id == "dlv_1"
    assert len(held(broker)) == 1
