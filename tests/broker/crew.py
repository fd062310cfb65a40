"""
A worker process that tests can kill: `python -m tests.broker.crew URL SILENCE_MS THREADS`.

Its actors write what they do to the list `log` in the store, as `<process id> <event> <name>`. The test ends
`work_until_key_is_set` by setting the key `end <name>`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import dramatiq

from common.queue.broker import DurableRedisBroker
from common.store.clients import connect


def main(url: str, silence_ms: str, threads: str) -> None:
    broker = DurableRedisBroker(url=url, heartbeat_timeout=int(silence_ms))
    journal = connect(url)

    def note(what: str, whom: str) -> None:
        journal.rpush("log", f"{os.getpid()} {what} {whom}")

    @dramatiq.actor(broker=broker, max_retries=0, time_limit=60_000)
    def work(whom: str, for_ms: int) -> None:
        note("began", whom)
        time.sleep(for_ms / 1000)
        note("ended", whom)

    @dramatiq.actor(broker=broker, max_retries=0, time_limit=60_000)
    def work_until_key_is_set(whom: str) -> None:
        note("began", whom)
        while not journal.exists(f"end {whom}"):
            time.sleep(0.01)
        note("ended", whom)

    @dramatiq.actor(broker=broker, max_retries=0)
    def poison(whom: str) -> None:
        note("began", whom)
        os.kill(os.getpid(), signal.SIGKILL)

    worker = dramatiq.Worker(broker, worker_threads=int(threads), worker_timeout=50)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    note("is", broker.broker_id)
    worker.start()
    note("works", broker.broker_id)
    while not stop:
        time.sleep(0.02)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    while any(thread.running for thread in worker.workers):
        time.sleep(0.01)
    note("stops", broker.broker_id)
    stopping.join()
    broker.close()
    journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
