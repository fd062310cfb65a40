"""A message that is scheduled again for the very instant it had, while its worker is just letting go of it."""

from __future__ import annotations

from tests.broker.looking import held, job


def test_a_job_that_comes_back_while_its_message_is_being_acknowledged_is_not_left_lying(broker, clock):
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
        broker.schedule(again)  # The claim said: not yet; somebody's clock runs ahead of ours.
        broker.promote()
        assert next(consumer) is None  # We seem to have it still.
        return answer

    broker.do_ack = acknowledged_and_back
    consumer.ack(first)
    del broker.do_ack

    assert next(consumer).message_id == "dlv_1"
    assert len(held(broker)) == 1
