"""
dramatiq's Redis broker, with our Lua scripts in place of its own.

dramatiq's scripts check for dead workers at random, count every sender as a worker, and drop dead letters after a week.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import Middleware

from common.clock import Clock, SystemClock
from common.queue.job import plain_message_template
from common.queue.layout import QueueLayout
from common.store import lua
from common.store.clients import connect

LUA_FOLDER = Path(__file__).with_name("lua")

HEARTBEAT_TIMEOUT_MS = 3_000
"""A worker whose last heartbeat is older than this counts as dead."""

CRASHES_MAX = 3
"""A message becomes a dead letter when this many workers have died while running it; likewise a delivery."""

_MAINTAINED = ("enqueue", "fetch", "requeue", "purge", "qsize")


@cache
def compose_scripts(namespace: str) -> dict[str, str]:
    """Return each script's text by its name, `ack`. All get KEYS = [namespace], ARGV = [queue, worker, now_ms, …]."""
    libraries = lua.read_libraries(LUA_FOLDER)
    tables = {
        "queue_keys": QueueLayout(namespace).lua_functions(),
        "limits": lua.literals({"heartbeat_timeout_ms": HEARTBEAT_TIMEOUT_MS, "crashes_max": CRASHES_MAX}),
        "job": lua.literals({"plain_message": plain_message_template()}),
    }
    names = [name for library in ("messages", "delays", "workers") for name in lua.entry_points(libraries[library])]
    return {name.partition(".")[2]: lua.compose(name, libraries, tables) for name in names}


class LuaBroker(RedisBroker):
    """
    A broker with one method for each script: `do_<script>(queue, …)` returns the answer as redis-py decodes it.

    Takes the arguments of `RedisBroker`, with other defaults: `heartbeat_timeout` 3,000 ms; `dead_message_ttl` (ms)
    None, so that dead letters stay; `maintenance_chance` 0, because a thread does that work. A `url` is used without
    redis-py's retries, so that a sender learns at once that the store is away.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        middleware: list[Middleware] | None = None,
        namespace: str = "dramatiq",
        maintenance_chance: int = 0,
        heartbeat_timeout: int = HEARTBEAT_TIMEOUT_MS,
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
        self.owns_client = client is None
        self.clock: Clock = SystemClock()
        self.layout = QueueLayout(namespace)
        self.scripts = {name: self.client.register_script(text) for name, text in compose_scripts(namespace).items()}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        command = name.removeprefix("do_")
        if command == name or command not in self.scripts:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return partial(self._run, command)

    def _run(self, command: str, queue: str, *args: Any) -> Any:
        if self.maintenance_chance and command in _MAINTAINED and random.randrange(1_000_000) < self.maintenance_chance:
            self.maintain(queue)
        return self.scripts[command](keys=[self.namespace], args=[queue, self.broker_id, self.clock.now_ms(), *args])

    def maintain(self, queue: str) -> None:
        """Expire dead letters, if `dead_message_ttl` is set. Called at random if `maintenance_chance` is."""
        if self.dead_message_ttl is not None:
            self.do_expire(queue, self.dead_message_ttl)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The result of one call of `promote` for one queue. `ready`: messages that wait for a worker now."""

    queue: str
    moved: int
    ready: int
    next_due_ms: int | None


def read_promotions(queues: Sequence[str], answers: Sequence[Any]) -> Iterator[Promotion]:
    """Read the answer of the script, which is in the order of the queues in the request."""
    for queue, (moved, ready, next_due_ms) in zip(queues, answers, strict=True):
        yield Promotion(
            queue=queue,
            moved=moved,
            ready=ready,
            next_due_ms=None if next_due_ms is None else int(float(next_due_ms)),
        )


def due_ms_of(ready_id: str) -> int:
    """Return the due time in the ready id `job id@due_ms`, or 0 for a message that was never scheduled."""
    _, at, due = ready_id.rpartition("@")
    return int(due) if at and due.isdigit() else 0
