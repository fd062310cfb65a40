"""
dramatiq's Redis broker with our scripts in place of its own: what each command does to the store.

Its own take over from the dead by chance, count whoever sends among the workers, and forget dead letters after a week.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware

from common.clock import Clock, SystemClock
from common.store.clients import connect

SCRIPTS = {file.stem: file.read_text() for file in Path(__file__).with_name("lua").glob("*.lua")}
"""By name. Each opens with the keys it touches; all get KEYS = [namespace] and ARGV = [queue, worker, now_ms, …]."""

SILENCE_MS = 3_000
"""A worker unheard for longer is dead."""


class ScriptedRedisBroker(RedisBroker):
    """
    `broker.do_<script>(queue, …)` runs that script and gives its answer as redis-py reads it.

    Takes what `RedisBroker` takes, with other defaults: `heartbeat_timeout` 3,000 ms; `dead_message_ttl` (ms) None, so
    dead letters stay; `maintenance_chance` 0, since a thread does what that left to chance. A `url` is reached without
    redis-py's own retries: whoever sends hears at once that the store is away.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        middleware: list[Middleware] | None = None,
        namespace: str = "dramatiq",
        maintenance_chance: int = 0,
        heartbeat_timeout: int = SILENCE_MS,
        dead_message_ttl: int | None = None,
        client: redis.Redis | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # dramatiq's is untyped
            middleware=middleware,
            namespace=namespace,
            maintenance_chance=maintenance_chance,
            heartbeat_timeout=heartbeat_timeout,
            dead_message_ttl=dead_message_ttl,
            client=connect(url) if url and client is None else client,
            **parameters,
        )
        self._owns_client = client is None
        self.clock: Clock = SystemClock()
        self.scripts = {name: self.client.register_script(text) for name, text in SCRIPTS.items()}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        command = name.removeprefix("do_")
        if command == name or command not in SCRIPTS:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return partial(self._run, command)

    def _run(self, command: str, queue: str, *args: Any) -> Any:
        if self._should_do_maintenance(command):
            self._maintain(queue)
        return self.scripts[command](keys=[self.namespace], args=[queue, self.broker_id, self.clock.now_ms(), *args])

    def _should_do_maintenance(self, command: str) -> bool:
        by_chance = self.maintenance_chance and command in {"enqueue", "fetch", "requeue", "purge", "qsize"}
        return bool(by_chance and super()._should_do_maintenance(command))

    def _maintain(self, queue: str) -> None:
        if self.dead_message_ttl is not None:
            self.do_expire(queue, self.dead_message_ttl)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What one call did for one queue. `ready`: messages waiting for a worker now."""

    queue: str
    moved: int
    ready: int
    next_due_ms: int | None


def read_promotions(queues: Sequence[str], answers: Sequence[Any]) -> Iterator[Promotion]:
    """`promote.lua`'s answer, which is in the order of the queues asked for."""
    for queue, (moved, ready, next_due_ms) in zip(queues, answers, strict=True):
        yield Promotion(
            queue=queue,
            moved=moved,
            ready=ready,
            next_due_ms=None if next_due_ms is None else int(float(next_due_ms)),
        )


def due_ms_of(ready_id: str) -> int:
    """The instant in `job id@due_ms`; 0 for a message that was never scheduled."""
    _, at, due = ready_id.rpartition("@")
    return int(due) if at and due.isdigit() else 0
