"""The guarantees of dramatiq's Redis broker hold for this broker, too; for delays see `test_waiting.py`."""

from __future__ import annotations

import threading
import time

import dramatiq
import pytest
import redis
from dramatiq import QueueJoinTimeout
from dramatiq.middleware import AgeLimit, AsyncIO, CurrentMessage, Middleware, TimeLimitExceeded
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend

from common.queue.broker import DurableRedisBroker
from common.store.clients import connect
from tests.broker.conftest import working
from tests.broker.looking import dead, eventually, held, ready, waiting, workers


@pytest.fixture
def calls():
    return []


def test_one_hundred_messages_are_one_hundred_calls(broker, calls):
    @dramatiq.actor(broker=broker)
    def note(n, *, word):
        calls.append((n, word))

    for n in range(100):
        note.send(n, word="ünïcödé")
    with working(broker) as worker:
        broker.join("default", interval=5, timeout=60_000)
        worker.join()

    assert sorted(calls) == [(n, "ünïcödé") for n in range(100)]


def test_one_thread_runs_messages_in_the_order_they_were_sent(broker, calls):
    @dramatiq.actor(broker=broker)
    def note(n):
        calls.append(n)

    for n in range(50):
        note.send(n)
    with working(broker, worker_threads=1):
        broker.join("default", interval=5, timeout=60_000)

    assert calls == list(range(50))


def test_message_sent_twice_without_a_delay_runs_twice(broker, calls):
    @dramatiq.actor(broker=broker)
    def note():
        calls.append(1)

    message = note.message()
    first, second = broker.enqueue(message), broker.enqueue(message)
    assert ready(broker) == [first.options["redis_message_id"], second.options["redis_message_id"]]

    with working(broker):
        eventually(lambda: len(calls) == 2)


def test_actors_may_be_declared_while_the_worker_runs(broker, calls):
    with working(broker):

        @dramatiq.actor(broker=broker, queue_name="late")
        def note():
            calls.append(1)

        note.send_with_options(delay=10)
        eventually(lambda: calls)


def test_middleware_sees_each_declared_queue_once_and_no_delay_queue(broker):
    heard = []

    class Listener(Middleware):
        def before_declare_queue(self, broker, queue_name):
            heard.append(("before", queue_name))

        def after_declare_queue(self, broker, queue_name):
            heard.append(("after", queue_name))

        def after_declare_delay_queue(self, broker, queue_name):
            heard.append(("delay", queue_name))

    broker.add_middleware(Listener())
    broker.declare_queue("mail")
    broker.declare_queue("mail")

    assert heard == [("before", "mail"), ("after", "mail")]
    assert broker.get_declared_queues() == {"mail"}
    assert broker.get_declared_delay_queues() == set()


def test_middleware_sees_a_message_before_and_after_it_is_sent_and_may_change_it(broker):
    heard = []

    class Listener(Middleware):
        def before_enqueue(self, broker, message, delay):
            message.options["request_id"] = "req_1"
            heard.append(delay)

        def after_enqueue(self, broker, message, delay):
            heard.append((message.options["request_id"], message.queue_name))

    broker.add_middleware(Listener())

    @dramatiq.actor(broker=broker)
    def note():
        pass

    note.send()
    note.send_with_options(delay=60_000, job_id="dlv_1")

    assert heard == [None, ("req_1", "default"), 60_000, ("req_1", "default")]
    assert b'"request_id":"req_1"' in broker.client.hget("dramatiq:default.DQ.msgs", "dlv_1")


def test_joining_a_queue_times_out_while_a_job_waits(broker):
    @dramatiq.actor(broker=broker)
    def note():
        pass

    note.send_with_options(delay=60_000)
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", interval=5, timeout=20)


def test_queue_size_counts_scheduled_ready_and_in_flight_messages_at_once(broker, calls):
    @dramatiq.actor(broker=broker)
    def note(again):
        if again:
            note.send_with_options(args=(False,), delay=20)
        calls.extend((broker.do_qsize("default"), broker.do_qsize("default.DQ")))

    note.send(True)
    with working(broker, worker_threads=1):
        broker.join("default", interval=5, timeout=60_000)

    assert calls == [4, 4, 2, 2]


def test_flush_removes_ready_scheduled_and_dead_messages(broker):
    @dramatiq.actor(broker=broker)
    def note():
        pass

    note.send()
    note.send_with_options(delay=60_000)
    broker.client.zadd("dramatiq:default.XQ", {"x": 1})
    broker.flush_all()

    broker.join("default", interval=5, timeout=200)
    assert broker.client.keys("*") == []


def test_stopping_worker_requeues_messages_it_did_not_start_and_deregisters(broker, calls):
    begun, go_on = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def note(n):
        calls.append(n)
        begun.set()
        go_on.wait(60)

    sent = [note.send(n).options["redis_message_id"] for n in range(3)]
    with working(broker, worker_threads=1) as worker:
        begun.wait(60)
        eventually(lambda: len(held(broker)) == 2)
        [thread] = worker.workers

        def finish_during_stop():
            eventually(lambda: not thread.running)
            go_on.set()

        threading.Thread(target=finish_during_stop).start()

    assert calls == [0]
    assert ready(broker) == sent[1:]
    assert workers(broker) == set()
    assert broker.client.keys("dramatiq:__*") == []


def test_scheduled_job_still_waits_after_its_worker_has_stopped(broker):
    @dramatiq.actor(broker=broker)
    def note():
        pass

    message = note.send_with_options(delay=60_000)
    with working(broker):
        pass

    assert waiting(broker).keys() == {message.options["redis_message_id"]}


def test_paused_worker_runs_no_message(broker, calls):
    @dramatiq.actor(broker=broker)
    def note():
        calls.append(1)

    with working(broker) as worker:
        worker.pause()
        sent = note.send().options["redis_message_id"]
        for _ in range(2):
            worker.pause()  # Returns when each thread has come round; the second round began after `send`.

        assert ([sent], set(), []) == (ready(broker), held(broker), calls)
        worker.resume()
        eventually(lambda: calls)


def test_a_worker_can_start_again_with_the_same_broker(broker, calls):
    @dramatiq.actor(broker=broker)
    def note(n):
        calls.append(n)

    for n in range(2):
        with working(broker):
            note.send_with_options(args=(n,), delay=10)
            eventually(lambda n=n: calls[-1:] == [n])


def test_worker_consumes_only_the_queues_it_was_given(broker, calls):
    @dramatiq.actor(broker=broker, queue_name="mail")
    def mail():
        calls.append("mail")

    @dramatiq.actor(broker=broker, queue_name="mirror")
    def mirror():
        calls.append("mirror")

    with working(broker, queues={"mail"}):
        mirror.send()
        mail.send()
        eventually(lambda: calls)

    assert calls == ["mail"]
    assert len(ready(broker, "mirror")) == 1


def test_pipeline_passes_results_on_also_with_a_delay(broker, calls):
    @dramatiq.actor(broker=broker)
    def double(n):
        return 2 * n

    @dramatiq.actor(broker=broker)
    def note(n):
        calls.append(n)

    with working(broker):
        dramatiq.pipeline([double.message(1), double.message(), note.message()], broker=broker).run(delay=10)
        eventually(lambda: calls == [4])


def test_callbacks_age_limits_and_throws_work_as_in_dramatiq(broker, calls):
    @dramatiq.actor(broker=broker)
    def note(message, result):
        calls.append(result)

    @dramatiq.actor(broker=broker, on_success="note")
    def work():
        return "done"

    @dramatiq.actor(broker=broker, max_age=1)
    def stale():
        calls.append("never")

    @dramatiq.actor(broker=broker, throws=ValueError, max_retries=5)
    def refuse():
        raise ValueError("as expected")

    @dramatiq.actor(broker=broker, time_limit=50, throws=TimeLimitExceeded)
    def endless():
        while True:
            time.sleep(0.005)

    broker.add_middleware(Results(backend=StubBackend()))
    work.send()
    refuse.send()
    endless.send()
    broker.enqueue(stale.message().copy(message_timestamp=1))
    broker.emit_after("process_boot")  # As dramatiq's processes do: it starts the thread that watches the limits.
    with working(broker):
        eventually(lambda: calls == ["done"] and len(dead(broker)) == 3)

    assert {"refuse", "endless", "stale"} == {message.actor_name for message in dead(broker)}


def test_async_actor_runs_and_can_read_its_current_message(new_broker, calls):
    broker = new_broker(middleware=[AsyncIO(), CurrentMessage()])

    @dramatiq.actor(broker=broker)
    async def note():
        calls.append(CurrentMessage.get_current_message().message_id)

    message = note.send()
    with working(broker):
        eventually(lambda: calls == [message.message_id])


def test_a_broker_has_the_middleware_it_was_given_and_no_other(new_broker):
    assert new_broker(middleware=[]).middleware == []
    assert isinstance(new_broker().middleware[0], AgeLimit)


def test_broker_accepts_a_url_or_a_client(store_url):
    by_url = DurableRedisBroker(url=store_url)
    assert by_url.client.ping()
    by_url.close()

    with connect(store_url) as client:
        by_client = DurableRedisBroker(client=client, namespace="{advent}:queue")
        by_client.close()
        assert by_client.client is client
        assert client.ping()


def test_missing_attribute_of_the_broker_raises_attribute_error(broker):
    with pytest.raises(AttributeError, match="idontexist"):
        _ = broker.idontexist
    with pytest.raises(AttributeError, match="do_dance"):
        _ = broker.do_dance


def test_sending_to_an_absent_store_fails_at_once(tmp_path):
    broker = DurableRedisBroker(url=f"unix://{tmp_path}/nobody.sock")

    @dramatiq.actor(broker=broker)
    def note():
        pass

    with pytest.raises(redis.ConnectionError):
        note.send()
    with pytest.raises(redis.ConnectionError):
        note.send_with_options(delay=1_000)
    broker.close()
