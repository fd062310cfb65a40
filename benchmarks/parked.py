"""
Measures how late a due message starts while very many others wait, and how much memory each of these needs.

    python -m benchmarks.parked [PARKED] [SECONDS]

Parks PARKED messages (default: 1,000,000), which do no work, ten days ahead. Meanwhile another message becomes due
every 50 ms, and a worker process runs it. Prints one JSON object: lateness from the due time to the actor's first line,
in ms; bytes of the store's memory per parked message.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dramatiq

from common.queue.broker import DurableRedisBroker
from common.queue.job import Job
from common.queue.layout import NAMESPACE
from common.store.embedded import EmbeddedStore

QUEUE = "noop"
DUE_A_SECOND = 20
BATCH = 5_000
FAR_MS = 10 * 86_400_000


def measure(parked: int, seconds: float) -> dict[str, float]:
    """Return the figures of `parked` messages that wait while others become due for `seconds`."""
    with tempfile.TemporaryDirectory(prefix="advent-") as directory:
        store = EmbeddedStore(Path(directory))
        store.start()
        try:
            return _measure(DurableRedisBroker(url=store.url, namespace=NAMESPACE), store.url, parked, seconds)
        finally:
            store.stop()


def main(parked: int = 1_000_000, seconds: float = 15) -> None:
    sys.stdout.write(json.dumps(measure(parked, seconds)) + "\n")


def work(url: str) -> None:
    """Run the worker process, which records how late each message starts, until it is killed."""
    broker = DurableRedisBroker(url=url, namespace=NAMESPACE)

    @dramatiq.actor(broker=broker, actor_name=QUEUE, queue_name=QUEUE)
    def noop(due_ms: str) -> None:
        broker.client.rpush("lateness", broker.clock.now_ms() - int(due_ms))

    dramatiq.Worker(broker, worker_threads=8).start()
    broker.client.rpush("boot", "done")
    while True:
        time.sleep(60)


def _measure(broker: DurableRedisBroker, url: str, parked: int, seconds: float) -> dict[str, float]:
    before = broker.client.info("memory")["used_memory"]
    began = time.monotonic()
    _park(broker, parked)
    parked_s = time.monotonic() - began
    after = broker.client.info("memory")["used_memory"]
    worker = subprocess.Popen([sys.executable, "-m", "benchmarks.parked", "work", url])
    try:
        broker.client.blpop(["boot"], timeout=0)
        lateness = _run(broker, int(seconds * DUE_A_SECOND))
    finally:
        worker.kill()
        worker.wait()
        broker.close()
    return {
        "parked": parked,
        "bytes_per_parked_message": round((after - before) / max(parked, 1)),
        "parked_a_second": round(parked / parked_s),
        "started": len(lateness),
        "lateness_p50_ms": _percentile(lateness, 50),
        "lateness_p99_ms": _percentile(lateness, 99),
        "lateness_max_ms": lateness[-1],
    }


def _park(broker: DurableRedisBroker, parked: int) -> None:
    key = f"{broker.namespace}:{QUEUE}.DQ"
    due_ms = broker.clock.now_ms() + FAR_MS
    for first in range(0, parked, BATCH):
        jobs = [_job(n, due_ms + n) for n in range(first, min(first + BATCH, parked))]
        pipeline = broker.client.pipeline(transaction=False)
        pipeline.zadd(key, {job.id: job.due_ms for job in jobs})
        pipeline.execute()


def _run(broker: DurableRedisBroker, count: int) -> list[int]:
    first_ms = broker.clock.now_ms() + 1_000
    for n in range(count):
        broker.schedule(_job(10**9 + n, first_ms + n * 1_000 // DUE_A_SECOND))
    while broker.client.llen("lateness") < count:
        time.sleep(0.1)
    return sorted(int(ms) for ms in broker.client.lrange("lateness", 0, -1))


def _job(n: int, due_ms: int) -> Job:
    # This id is as long as a delivery's.
    return Job(id=f"dlv_{n:020d}", actor=QUEUE, args=(str(due_ms),), due_ms=due_ms)


def _percentile(ordered: list[int], percent: int) -> int:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(sys.argv[2])
    else:
        main(*(int(argument) for argument in sys.argv[1:]))
