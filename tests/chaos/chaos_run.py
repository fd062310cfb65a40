"""One run: start, faults, their end, drain, replay of dead letters, and the comparison of ledger and providers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import redis

from common.domain.enrollment import Enrollment
from common.ledger import keys
from common.queue.broker import DurableRedisBroker
from common.queue.layout import NAMESPACE
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from tests.acceptance.http import status_of
from tests.acceptance.place import SECRETS, UNLIMITED, free_ports
from tests.chaos import promises, records
from tests.chaos.crowd import Crowd
from tests.chaos.faults import fault_rules
from tests.chaos.plan import WORKERS, Disruption, disruptions
from tests.chaos.provider import Provider
from tests.chaos.supervised import SupervisedProcess, SupervisedStore, advent, jump, ours

_TICK_S = 0.02
_TICKS_A_LOOK = 25


@dataclass(frozen=True, kw_only=True)
class Parameters:
    seed: int
    people: int
    kills: int
    duration_s: float
    faults: float = 0.3
    speed: float = 20
    patience_s: float = 300
    """How long to wait for progress after the faults, and for the faults to end when their time is up."""


@dataclass
class Outcome:
    parameters: Parameters
    done: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    comparison: promises.Comparison = field(default_factory=promises.Comparison)


class ChaosRun:
    """The gateway, two workers and the store, each restarted whenever it ends; and a sandbox that is not disturbed."""

    def __init__(self, parameters: Parameters, *, say: Callable[[str], None], folder: Path | None = None) -> None:
        self.parameters, self._say = parameters, say
        self.folder = Path(tempfile.mkdtemp(prefix="advent-chaos-", dir=folder))
        self.outcome = Outcome(parameters)
        gateway, sandbox = free_ports(2)
        random = Random(f"starts {parameters.seed}")
        store = EmbeddedStore(self.folder / "store")
        self._settings = settings = {
            "REDIS_URL": store.url,
            "GATEWAY_PORT": str(gateway),
            "SANDBOX_PORT": str(sandbox),
            "WORKER_METRICS_PORT": "0",
            "TESTING_MODE": "true",
            "CAMPAIGN_SPEED": str(parameters.speed),
            "RETRY_DELAY_SECONDS": "0.5",
            "LOG_LEVEL": "WARNING",
            **SECRETS,
            **UNLIMITED,
        }
        self._store = SupervisedStore(store, random, self._complain)
        self._client = connect(store.url)
        self.sandbox = Provider(f"http://127.0.0.1:{sandbox}")
        self._provider = SupervisedProcess(
            "sandbox", ours("sandbox", "sandbox", folder=self.folder, settings=settings), random, self._complain
        )
        self._processes: dict[str, SupervisedProcess] = {"store": self._store}
        for name in ("gateway", *WORKERS):
            command = name.partition("-")[0]
            self._processes[name] = SupervisedProcess(
                name, ours(name, command, folder=self.folder, settings=settings), random, self._complain
            )
        self.crowd = Crowd(
            f"http://127.0.0.1:{gateway}",
            people=parameters.people,
            seed=parameters.seed,
            duration_s=parameters.duration_s,
            speed=parameters.speed,
        )

    def execute(self) -> Outcome:
        began_s = time.monotonic()
        try:
            self._open()
            self._disrupt()
            self._end_faults()
            self._replay()
            self._compare()
        finally:
            self._close()
        self.outcome.figures["seconds"] = round(time.monotonic() - began_s)
        return self.outcome

    def _complain(self, what: str) -> None:
        self._say(f"! {what}")
        self.outcome.violations.append(what)

    def _open(self) -> None:
        for process in (self._store, self._provider):
            process.tend(time.monotonic())
        self._until(lambda: status_of(f"{self.sandbox.url}/health") == 200, "the sandbox", within_s=60)
        self.sandbox.set_faults(fault_rules(self.parameters.faults), seed=self.parameters.seed)

    def _disrupt(self) -> None:
        began_s = said_s = time.monotonic()
        coming = disruptions(self.parameters.seed, kills=self.parameters.kills, duration_s=self.parameters.duration_s)
        self.crowd.start(began_s)
        while coming or not self.crowd.is_done:
            now_s = time.monotonic()
            coming = [one for one in coming if now_s - began_s < one.at_s or not self._do(one, now_s)]
            self._tend()
            if now_s - said_s > 10:
                said_s = now_s
                self._say(
                    f"{now_s - began_s:5.0f} s: {len(self.crowd.answered)} people, {self.outcome.done['kill']} kills"
                )
            if now_s - began_s > self.parameters.duration_s + self.parameters.patience_s:
                self._complain(
                    f"the faults do not end: {len(coming)} disruptions to come, the crowd done: {self.crowd.is_done}"
                )
                self.crowd.stop()
                break

    def _do(self, one: Disruption, now_s: float) -> bool:
        """Carry out a disruption. Return False while its process is down; the caller then tries again until it runs."""
        process = self._processes[one.whom]
        if one.what == "jump":
            jump(self.folder, one.whom, one.seconds)
            done = True
        elif one.what == "kill":
            done = process.kill()
            if done and one.torn:
                self._store.tear()
        elif one.what == "stop":
            done = process.stop(now_s)
        else:
            done = process.freeze(now_s, one.seconds)
        if done:
            self.outcome.done[one.what] += 1
            self.outcome.done[f"{one.what} {one.whom.partition('-')[0]}"] += 1
        return done

    def _end_faults(self) -> None:
        """Stop the providers' faults, set the clocks right, and wait until everything has drained."""
        self._say("the faults are over")
        self.sandbox.set_faults([], seed=self.parameters.seed)
        for name, process in self._processes.items():
            process.thaw()
            if name != "store":
                (self.folder / f"{name}.clock").write_text("0")
        self.outcome.figures["drained_s"] = self._drain()

    def _drain(self) -> int:
        """
        Wait until no work is left, however much there is; complain when nothing moves any more.

        Return how long that took, in seconds.
        """
        began_s = moved_s = said_s = time.monotonic()
        left, best = records.Work({"unknown": 1}), (0, 0)
        while not left.is_none:
            for _ in range(_TICKS_A_LOOK):
                self._tend()
            with contextlib.suppress(redis.RedisError, OSError):
                self._hurry_rows()
                left, progress = records.work(self._client), records.progress(self._client)
                if progress > best:
                    best, moved_s = progress, time.monotonic()
            now_s = time.monotonic()
            if now_s - said_s > 30:
                said_s = now_s
                self._say(f"{now_s - began_s:5.0f} s: left to do: {left.waiting}")
            if now_s - moved_s > self.parameters.patience_s:
                self._complain(f"nothing has moved for {self.parameters.patience_s:.0f} s: {left.waiting}")
                break
        return round(time.monotonic() - began_s)

    def _hurry_rows(self) -> None:
        """Reschedule waiting rows to now, as an operator could: after many faults they wait up to ten minutes."""
        now_ms = time.time_ns() // 1_000_000
        broker = DurableRedisBroker(client=self._client, namespace=NAMESPACE, middleware=[])
        for job in self._client.zrangebyscore(keys.delayed("notion_sync"), now_ms + 2_000, "+inf"):
            broker.move("notion_sync", job.decode(), now_ms)

    def _replay(self) -> None:
        """Replay all dead letters while no provider fails: none may be sent twice, and each must have a reason."""
        self.outcome.figures["dead letters"] = self._client.zcard(keys.DEAD)
        before, _ = self._compared()
        self.outcome.figures["dead by reason"] = dict(before.dead.most_common())
        self.outcome.violations += before.violations
        if not self._client.zcard(keys.DEAD):
            return
        launch = advent("dead", "replay", "--all", "--json", folder=self.folder, settings=self._settings)
        answer = subprocess.run(**launch, capture_output=True, text=True, timeout=600, check=False)
        if answer.returncode not in (0, 1):
            self._complain(f"dead replay: {answer.stderr[-2000:]}")
            return
        self.outcome.figures["replayed"] = len(json.loads(answer.stdout)["replayed"])
        self._drain()

    def _compare(self) -> None:
        comparison, ledger = self._compared()
        self.outcome.comparison = comparison
        self.outcome.violations += comparison.violations
        self.outcome.violations += promises.compare_rows(self.sandbox.tables(), ledger)
        self.outcome.violations += records.stuck(self._client)
        self.outcome.violations += self.crowd.complaints
        for enrollment in self.crowd.left:
            if enrollment in ledger and ledger[enrollment].exit_reason is None and ledger[enrollment].next_step:
                self.outcome.violations.append(f"{enrollment} left, and is {ledger[enrollment].status}")
        self._count_failures()
        self._count()

    def _compared(self) -> tuple[promises.Comparison, dict[str, Enrollment]]:
        ledger = records.enrollments(self._client)
        reminders = records.reminders(self._client, self.crowd.booked)
        return promises.compare(self._mails(), ledger, self.crowd.answered, reminders), ledger

    def _count_failures(self) -> None:
        dead_lettered = records.failed(self._client)
        self.outcome.figures["failed jobs"] = dict(Counter(f"{queue}: {why}" for queue, _, why in dead_lettered))
        events, strange = records.log_events(self.folder)
        self.outcome.figures["said"] = dict(events.most_common(40))
        self.outcome.violations += strange
        self.outcome.violations += [f"{queue}: {job} has no reason" for queue, job, why in dead_lettered if not why]

    def _count(self) -> None:
        counts = self.sandbox.counts()
        by_key = counts["mails_by_key"]
        doubled = {key: number for key, number in by_key.items() if number > 1}
        if doubled:
            self.outcome.violations.append(f"the provider counts more than one under {doubled}")
        self.outcome.figures |= {
            "answered": len(self.crowd.answered),
            "left": len(self.crowd.left),
            "booked": len(self.crowd.booked),
            "webhooks": self.crowd.requests,
            "mails": counts["mails"],
            "keys": len(by_key),
            "requests": counts["requests"],
            "answers": counts["answers"],
            "suspicious": len(counts["suspicious"]),
            "starts": {name: process.starts for name, process in self._processes.items()},
            "torn logs": self._store.torn,
            "longest stop, s": round(max(process.longest_stop_s for process in self._processes.values()), 1),
        }

    def _mails(self) -> list[records.Accepted]:
        [file] = self.folder.rglob("sandbox.sqlite3")
        return records.accepted_mails(file)

    def _tend(self) -> None:
        now_s = time.monotonic()
        for process in (*self._processes.values(), self._provider):
            process.tend(now_s)
        time.sleep(_TICK_S)

    def _until(self, is_so: Callable[[], bool], what: str, *, within_s: float) -> None:
        deadline_s = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < deadline_s, f"{what} is not there after {within_s:.0f} s"
            self._tend()

    def _close(self) -> None:
        self.crowd.stop()
        self._client.close()
        for process in (*self._processes.values(), self._provider):
            process.end()
        self._store.end_for_good()
