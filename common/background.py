"""Background tasks of a process: sweeping, checking the store, playing the version in force, and others."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable

_TRIES = 15
_WAIT_S = 0.2


class BackgroundTasks:
    """Endless tasks on the event loop in which they were started."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, coroutines: Iterable[Coroutine[object, object, None]]) -> None:
        self._tasks |= {asyncio.create_task(coroutine) for coroutine in coroutines}

    async def stop(self) -> None:
        """
        Cancel them and wait, at most 3 s.

        redis-py swallows a cancellation that comes while it connects, so one may not be enough; and an event loop that
        closes while a task runs reports an error.
        """
        for _ in range(_TRIES):
            running = {task for task in self._tasks if not task.done()}
            if not running:
                return
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_WAIT_S)
