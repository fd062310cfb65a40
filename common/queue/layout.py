"""The Redis keys of the queue. Only this module spells them; the Lua scripts get them from here, too."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

NAMESPACE = "{advent}:queue"
"""dramatiq's namespace. The queue and the ledger share one hash tag, because one script changes both."""


@dataclass(frozen=True, slots=True)
class QueueLayout:
    """
    One method for each key, with its type and content. `queue`: a queue's name. `worker`: a worker process's id.

    A *ready id* names a message that is ready or in flight: `job id@due_ms`, or an id from dramatiq for a message that
    was sent without a delay. A key that dramatiq has too is spelled as there, so that its dashboard can read it.
    """

    namespace: str = NAMESPACE

    def ready(self, queue: str) -> str:
        """LIST: ready ids, the next one first."""
        return f"{self.namespace}:{queue}"

    def messages(self, queue: str) -> str:
        """HASH: ready id → message, JSON. Stays until the message is acknowledged or becomes a dead letter."""
        return f"{self.namespace}:{queue}.msgs"

    def delayed(self, queue: str) -> str:
        """ZSET: job id → due time, ms."""
        return f"{self.namespace}:{queue}.DQ"

    def delayed_messages(self, queue: str) -> str:
        """HASH: job id → message, JSON. A plain job (`job.py`) has none."""
        return f"{self.namespace}:{queue}.DQ.msgs"

    def dead(self, queue: str) -> str:
        """ZSET: ready id → time at which it became a dead letter, ms. Stays until a person removes it."""
        return f"{self.namespace}:{queue}.XQ"

    def dead_messages(self, queue: str) -> str:
        """HASH: ready id → message, JSON."""
        return f"{self.namespace}:{queue}.XQ.msgs"

    def heartbeats(self) -> str:
        """ZSET: worker → time of its last heartbeat, ms of the store's own clock."""
        return f"{self.namespace}:__heartbeats__"

    def queues_of(self, worker: str) -> str:
        """SET: queues from which this worker has fetched."""
        return f"{self.namespace}:__queues__.{worker}"

    def in_flight(self, worker: str, queue: str) -> str:
        """SET: ready ids that this worker fetched and has not acknowledged."""
        return f"{self.namespace}:__acks__.{worker}.{queue}"

    def started(self, worker: str, queue: str) -> str:
        """SET: ready ids in flight whose actor was started. Only these can have killed their worker."""
        return f"{self.namespace}:__started__.{worker}.{queue}"

    def crashes(self, queue: str) -> str:
        """HASH: ready id → number of workers that died while they ran it."""
        return f"{self.namespace}:__takeovers__.{queue}"

    def paused(self) -> str:
        """SET: queues whose jobs are not promoted. Every job keeps its place and its due time."""
        return f"{self.namespace}:__paused__"

    def probing(self) -> str:
        """
        HASH: queue → time from which one job a second is promoted, while its provider fails, ms.

        `<queue>/wait` → how far ahead that time may be, ms.
        """
        return f"{self.namespace}:__probing__"

    def ignored(self) -> str:
        """HASH: kind of wait → how many times were ignored because they lay further ahead than such a wait can be."""
        return f"{self.namespace}:__ignored__"

    def failed(self, queue: str) -> str:
        """SET: job ids that were promoted as probes and failed. Other jobs are tried before them."""
        return f"{self.namespace}:__failed__.{queue}"

    def lua_functions(self) -> dict[str, str]:
        """Return the same functions in Lua, by name: `{"ready": "function(queue) return '…' end", …}`."""
        return {name: self._lua_function(name, [*inspect.signature(getattr(self, name)).parameters]) for name in _KEYS}

    def _lua_function(self, name: str, parameters: list[str]) -> str:
        key = getattr(self, name)(*(f"' .. {parameter} .. '" for parameter in parameters))
        return f"function({', '.join(parameters)}) return '{key}' end"


_KEYS = [
    name
    for name, method in vars(QueueLayout).items()
    if inspect.isfunction(method) and "lua" not in name and name[0] != "_"
]
