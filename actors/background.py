"""What a worker does beside its jobs: healing, looking at the store, pinging, comparing. Ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable

_TRIES = 3
_WAIT_S = 1.0


class BackgroundTasks:
    """Tasks without an end, on the loop in which they were begun."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, works: Iterable[Coroutine[object, object, None]]) -> None:
        self._tasks |= {asyncio.create_task(work) for work in works}

    async def end(self) -> None:
        """
        Cancel them and wait, at most 3 s.

        redis-py swallows a cancellation that comes while it connects, so that once may not be enough; and a loop that
        closes over a task complains of it.
        """
        for _ in range(_TRIES):
            running = {task for task in self._tasks if not task.done()}
            if not running:
                return
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_WAIT_S)
