"""
Measures what a store can lose: `python -m tests.store.measure` prints the figures of docs/durability.md.

Eight writers send signups to the ledger's own script as fast as they can. After the kill each acknowledged signup is
searched. A power cut cannot be simulated here: it would lose the writes that wait for their fsync (WAITAOF).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import redis

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.store.clients import connect, connect_async
from common.store.embedded import EmbeddedStore
from tests.store.watched import watched

WRITERS = 8
BULK = 16_000
"""Extra bytes of a signup, so that writes waiting for a suspended replica exceed the buffers of the kernel."""
STALLED_S = 6
CADENCE = Cadence((0, 1_000), 0)


class Load:
    """Signs up contacts until it is stopped or refused. `acknowledged`: (enrollment id, time in s) of each success."""

    def __init__(self, url: str, *, bytes_each: int = 0) -> None:
        self.acknowledged: list[tuple[str, float]] = []
        self.refused = ""
        self._url, self._stop = url, threading.Event()
        self._extra = {"notes": "x" * bytes_each} if bytes_each else {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    async def _write(self) -> None:
        client = connect_async(self._url)
        ledger = Ledger(client, campaign="c", cadence=CADENCE, secret_key="s" * 32)
        await asyncio.gather(*(self._one(ledger, number) for number in range(WRITERS)))
        with contextlib.suppress(redis.RedisError):
            await client.aclose()

    async def _one(self, ledger: Ledger, first: int) -> None:
        number = first
        while not self._stop.is_set():
            email = f"p{number}@example.org"
            person = Assessment(email=email, first_name="P", assessment_score=1, extra=self._extra)
            try:
                async with asyncio.timeout(3):
                    await ledger.signups.accept(person, webhook_id=f"signup:{number}", received_ms=1)
            except (redis.RedisError, OSError) as error:
                self.refused = str(error)
                return
            self.acknowledged.append((enrollment_id("c", person.email), time.monotonic()))
            number += WRITERS


def missing(load: Load, url: str) -> tuple[int, float]:
    """Return (number of acknowledged signups that are gone, seconds from the first of them to the last of all)."""
    there = {member.decode() for member in _patiently(url)}
    gone = [at for who, at in load.acknowledged if who not in there]
    last = max((at for _, at in load.acknowledged), default=0.0)
    return len(gone), last - min(gone) if gone else 0.0


def _patiently(url: str) -> set[bytes]:
    """Return all enrollments in the store. Waits for sentinels, which may need a moment to agree on a primary."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with connect(url) as client:
                members: set[bytes] = set(client.zrange(keys.UNDER_WAY, 0, -1))
                return members
        except redis.RedisError:
            assert time.monotonic() < deadline, "no primary"
            time.sleep(0.1)


def killed(fsync: str, seconds: float) -> tuple[int, int, float]:
    """Kill one store with -9 under load and start it again on its files."""
    with tempfile.TemporaryDirectory(prefix="advent-") as folder:
        store = EmbeddedStore(Path(folder))
        store.start()
        with connect(store.url) as client:
            client.config_set("appendfsync", fsync)
        load = Load(store.url)
        time.sleep(seconds)
        assert store.process is not None
        store.process.kill()
        store.process.wait()
        load.stop()
        store.start()
        try:
            return len(load.acknowledged), *missing(load, store.url)
        finally:
            store.stop()


def waits_for_disk(fsync: str, seconds: float) -> tuple[float, float]:
    """Return (writes a second, longest time in s until an acknowledged write was on disk)."""
    with tempfile.TemporaryDirectory(prefix="advent-") as folder:
        store = EmbeddedStore(Path(folder))
        store.start()
        with connect(store.url) as client:
            client.config_set("appendfsync", fsync)
            load = Load(store.url)
            longest, until = 0.0, time.monotonic() + seconds
            while time.monotonic() < until:
                client.set("probe", 1)
                began = time.monotonic()
                client.execute_command("WAITAOF", 1, 0, 5_000)
                longest = max(longest, time.monotonic() - began)
            load.stop()
        store.stop()
        return len(load.acknowledged) / seconds, longest


def failed_over(*extra: str, seconds: float, stalled_s: float = 0) -> tuple[int, int, float, float, str]:
    """Kill the primary under load. `stalled_s`: how long the replica is suspended before that."""
    with watched(*extra) as store:
        load = Load(store.url, bytes_each=BULK if stalled_s else 0)
        time.sleep(seconds)
        replica = store.replica_port()
        if stalled_s:
            store.signal(replica, signal.SIGSTOP)
            time.sleep(stalled_s)
        primary = store.primary_port()
        store.processes[primary].kill()
        store.processes[primary].wait()
        if stalled_s:
            store.signal(replica, signal.SIGCONT)
        away_s = store.failed_over_from(primary)
        load.stop()
        gone, span_s = missing(load, store.url)
        return len(load.acknowledged), gone, span_s, away_s, load.refused


def main() -> None:
    rounds, seconds = (1, 1.0) if "--short" in sys.argv else (5, 2.0)
    narrow = ("min-replicas-to-write 1", "min-replicas-max-lag 1")
    for fsync in ("always", "everysec"):
        counted = [killed(fsync, seconds) for _ in range(rounds)]
        _say(f"kill -9, appendfsync {fsync}", counted)
        rate, longest = waits_for_disk(fsync, seconds * 2)
        print(f"    {rate:,.0f} signups a second; a write was on disk {longest * 1000:,.0f} ms later at most")
    _say("failover", [failed_over(seconds=seconds) for _ in range(rounds)])
    _say("failover, min-replicas", [failed_over(*narrow, seconds=seconds) for _ in range(rounds)])
    _say(
        "failover, replica suspended for 6 s",
        [failed_over(seconds=seconds, stalled_s=STALLED_S) for _ in range(rounds)],
    )
    _say(
        "failover, replica suspended for 6 s, min-replicas",
        [failed_over(*narrow, seconds=seconds, stalled_s=STALLED_S) for _ in range(rounds)],
    )


def _say(what: str, counted: list[tuple[object, ...]]) -> None:
    print(what)
    for acknowledged, gone, span_s, *more in counted:
        rest = f", another primary after {more[0]:.1f} s; then: {str(more[1])[:60]}" if more else ""
        print(f"    {acknowledged:,} acknowledged, {gone:,} gone, of the last {float(span_s) * 1000:,.0f} ms{rest}")


if __name__ == "__main__":
    main()
