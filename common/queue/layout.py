"""The keys of the queue: the only place that knows how they are spelled. Lua gets them from here, too."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

NAMESPACE = "{advent}:queue"
"""dramatiq's namespace. The queue and the ledger bear one hash tag, because one script changes both."""


@dataclass(frozen=True, slots=True)
class QueueLayout:
    """
    `q` is the name of a queue, `w` the id of a worker process.

    A *ready id* names a message that is ready or in flight: `job id@due_ms`, or an id of dramatiq's for a message that
    was sent without a delay. Names with underscores are dramatiq's where it has the same; so its dashboard reads them.
    """

    namespace: str = NAMESPACE

    def ready(self, queue: str) -> str:
        """LIST: ready ids, the next one first."""
        return f"{self.namespace}:{queue}"

    def messages(self, queue: str) -> str:
        """HASH: ready id → message, JSON, until it is acknowledged or becomes a dead letter."""
        return f"{self.namespace}:{queue}.msgs"

    def delayed(self, queue: str) -> str:
        """ZSET: job id → due time, ms."""
        return f"{self.namespace}:{queue}.DQ"

    def delayed_messages(self, queue: str) -> str:
        """HASH: job id → message, JSON. A plain job (`job.py`) has none."""
        return f"{self.namespace}:{queue}.DQ.msgs"

    def dead(self, queue: str) -> str:
        """ZSET: ready id → time at which it became a dead letter, ms. Stays until somebody removes it."""
        return f"{self.namespace}:{queue}.XQ"

    def dead_messages(self, queue: str) -> str:
        """HASH: ready id → message, JSON."""
        return f"{self.namespace}:{queue}.XQ.msgs"

    def heartbeats(self) -> str:
        """ZSET: worker → time of its last heartbeat, ms of the store's own clock."""
        return f"{self.namespace}:__heartbeats__"

    def queues_of(self, worker: str) -> str:
        """SET: queues from which this worker fetched."""
        return f"{self.namespace}:__queues__.{worker}"

    def in_flight(self, worker: str, queue: str) -> str:
        """SET: ready ids that this worker fetched and has not acknowledged."""
        return f"{self.namespace}:__acks__.{worker}.{queue}"

    def started(self, worker: str, queue: str) -> str:
        """SET: those of them whose actor was started. Only these can have killed their worker."""
        return f"{self.namespace}:__started__.{worker}.{queue}"

    def crashes(self, queue: str) -> str:
        """HASH: ready id → workers that died while they ran it."""
        return f"{self.namespace}:__takeovers__.{queue}"

    def paused(self) -> str:
        """SET: queues of which nothing is promoted. Every job keeps its place and its due time."""
        return f"{self.namespace}:__paused__"

    def probing(self) -> str:
        """HASH: queue → time from which one job a second is promoted, while its provider fails; `queue/wait`; ms."""
        return f"{self.namespace}:__probing__"

    def ignored(self) -> str:
        """HASH: what it held back → times that were ignored, because they lie further ahead than any wait."""
        return f"{self.namespace}:__ignored__"

    def failed(self, queue: str) -> str:
        """SET: job ids that were promoted as probes and failed. Others are tried before them."""
        return f"{self.namespace}:__failed__.{queue}"

    def lua_functions(self) -> dict[str, str]:
        """The same functions in Lua, by name: `{"ready": "function(queue) return '…' end", …}`."""
        return {name: self._lua_function(name, [*inspect.signature(getattr(self, name)).parameters]) for name in _KEYS}

    def _lua_function(self, name: str, parameters: list[str]) -> str:
        key = getattr(self, name)(*(f"' .. {parameter} .. '" for parameter in parameters))
        return f"function({', '.join(parameters)}) return '{key}' end"


_KEYS = [
    name
    for name, method in vars(QueueLayout).items()
    if inspect.isfunction(method) and "lua" not in name and name[0] != "_"
]
