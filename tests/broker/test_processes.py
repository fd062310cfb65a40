"""Real processes that are killed, stopped and continued, busy or poisoned, and a store that stops and starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq.message import Message

from common.queue.broker import DurableRedisBroker
from common.store.embedded import EmbeddedStore
from tests.broker.conftest import working
from tests.broker.looking import dead, eventually, held, ready, waiting, workers

pytestmark = pytest.mark.acceptance

Hire = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def hire(store_url: str) -> Iterator[Hire]:
    """A function that starts a worker process; processes still running are killed after the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*, silence_ms: int = 1_000, threads: int = 1) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.broker.crew", store_url, str(silence_ms), str(threads)]
        processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def journal(broker: DurableRedisBroker) -> list[tuple[int, str, str]]:
    lines = (line.decode().split(" ", 2) for line in broker.client.lrange("log", 0, -1))
    return [(int(pid), what, whom) for pid, what, whom in lines]


def said(broker: DurableRedisBroker, what: str, whom: str | None = None) -> list[int]:
    return [pid for pid, w, of in journal(broker) if w == what and whom in (None, of)]


def send(broker: DurableRedisBroker, actor: str, *args: Any) -> None:
    broker.enqueue(Message("default", actor, args, {}, {}))


def tell_to_end(broker: DurableRedisBroker, whom: str) -> None:
    """End the message `work_until_key_is_set` of this name, wherever it runs."""
    broker.client.set(f"end {whom}", 1)


def test_message_of_a_killed_worker_runs_elsewhere(broker, hire):
    send(broker, "work", "ada", 60_000)
    send(broker, "work", "boris", 0)
    victim = hire(silence_ms=3_000)
    eventually(lambda: said(broker, "began", "ada"))
    rescuer = hire(silence_ms=3_000, threads=2)
    eventually(lambda: len(said(broker, "works")) == 2)

    victim.kill()

    eventually(lambda: rescuer.pid in said(broker, "began", "ada"))
    eventually(lambda: said(broker, "ended", "boris") == [rescuer.pid])


def test_worker_that_replaces_a_killed_one_runs_its_message(broker, hire):
    send(broker, "work", "ada", 60_000)
    victim = hire()
    eventually(lambda: said(broker, "began", "ada"))
    victim.kill()

    successor = hire()

    eventually(lambda: successor.pid in said(broker, "began", "ada"))


def test_busy_worker_is_never_considered_dead(broker, hire):
    for whom in ("ada", "boris", "chen", "dunya"):
        send(broker, "work", whom, 2_000)
    busy = hire(threads=2)
    eventually(lambda: len(said(broker, "began")) == 2)
    hire(threads=2)

    eventually(lambda: len(said(broker, "ended")) == 4)

    assert len(said(broker, "began")) == 4
    assert said(broker, "ended").count(busy.pid) >= 2


def test_messages_of_a_suspended_worker_run_elsewhere_and_only_once_after_it_continues(broker, hire):
    send(broker, "work_until_key_is_set", "ada")
    send(broker, "work", "boris", 0)
    sleeper = hire()
    eventually(lambda: said(broker, "began", "ada"))
    sleeper.send_signal(signal.SIGSTOP)
    tell_to_end(broker, "ada")
    other = hire()
    eventually(lambda: said(broker, "ended", "boris") == [other.pid])
    sleepers_id = next(whom for pid, what, whom in journal(broker) if (pid, what) == (sleeper.pid, "is"))
    assert sleepers_id not in workers(broker)

    send(broker, "work_until_key_is_set", "chen")
    eventually(lambda: said(broker, "began", "chen"))
    sleeper.send_signal(signal.SIGCONT)

    eventually(lambda: sleepers_id in workers(broker))
    tell_to_end(broker, "chen")
    eventually(lambda: said(broker, "ended", "chen"))
    broker.join("default", interval=5, timeout=60_000)
    assert said(broker, "ended", "chen") == [other.pid]
    assert said(broker, "ended", "boris") == [other.pid]  # The stopped worker had it in memory and did not run it.
    assert dead(broker) == []


def test_message_that_kills_three_workers_is_dead_lettered_and_the_next_one_runs(broker, hire):
    send(broker, "poison", "emeka")
    send(broker, "work", "ada", 0)
    for _ in range(3):
        victim = hire()
        assert victim.wait(60) == -signal.SIGKILL

    hire()

    eventually(lambda: said(broker, "ended", "ada"))
    [letter] = eventually(lambda: dead(broker))
    assert letter.actor_name == "poison"
    assert len(said(broker, "began", "emeka")) == 3


def test_terminated_worker_finishes_its_message_and_requeues_the_others(broker, hire):
    send(broker, "work_until_key_is_set", "ada")
    send(broker, "work", "boris", 0)
    worker = hire()
    eventually(lambda: said(broker, "began", "ada"))

    worker.terminate()
    eventually(lambda: said(broker, "stops"))
    tell_to_end(broker, "ada")

    assert worker.wait(60) == 0
    assert said(broker, "ended", "ada") == [worker.pid]
    assert len(ready(broker)) == 1
    assert workers(broker) == set()


@pytest.fixture
def own_store() -> Iterator[EmbeddedStore]:
    with tempfile.TemporaryDirectory(prefix="advent-") as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        yield store
        store.stop()


def test_messages_and_retries_survive_a_restart_of_the_store(own_store):
    broker = DurableRedisBroker(url=own_store.url, heartbeat_timeout=400)
    calls, away = [], []

    @dramatiq.actor(broker=broker, min_backoff=10, max_backoff=10)
    def work(whom):
        calls.append(whom)
        if whom == "during":
            time.sleep(0.5)  # It starts while the store is up, and ends while it is down.
        if whom == "failing" and calls.count("failing") == 1:
            time.sleep(0.5)
            raise RuntimeError("and its retry must be kept, too")
        away.append(whom)

    with working(broker):
        work.send("during")
        work.send("failing")
        work.send_with_options(args=("parked",), delay=700)
        work.send_with_options(args=("far",), delay=86_400_000)
        eventually(lambda: {"during", "failing"} <= set(calls))
        own_store.stop()
        time.sleep(0.8)
        own_store.start()
        eventually(lambda: {"during", "failing", "parked"} <= set(away))
        work.send("after")
        eventually(lambda: "after" in away)
        eventually(lambda: not held(broker))

        assert sorted(calls) == ["after", "during", "failing", "failing", "parked"]
        assert len(waiting(broker)) == 1
        assert broker.broker_id in workers(broker)
    broker.close()


def test_two_workers_that_lost_the_store_do_not_consider_each_other_dead(own_store):
    brokers = [DurableRedisBroker(url=own_store.url, heartbeat_timeout=1_000) for _ in range(2)]
    calls = []
    for broker in brokers:

        @dramatiq.actor(broker=broker)
        def work():
            calls.append(1)
            time.sleep(3)

        broker.actor = work

    with working(brokers[0]), working(brokers[1]):
        brokers[0].actor.send()
        eventually(lambda: calls)
        own_store.stop()
        time.sleep(1.2)
        own_store.start()
        brokers[0].join("default", interval=5, timeout=60_000)

    assert calls == [1]
    for broker in brokers:
        broker.close()


def test_a_worker_started_before_its_store_waits_for_it(own_store):
    own_store.stop()
    broker = DurableRedisBroker(url=own_store.url)
    calls = []

    @dramatiq.actor(broker=broker)
    def work():
        calls.append(os.getpid())

    with working(broker):
        time.sleep(0.3)
        own_store.start()
        work.send_with_options(delay=0)
        eventually(lambda: calls)
    broker.close()
