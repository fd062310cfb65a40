"""Background tasks of a process: sweeping, checking the store, following the campaign version in force, and others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable

from common.observability.logs import get_logger
from common.store.errors import STORE_ERRORS

_TRIES = 15
_WAIT_S = 0.2

log = get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]
_sleep: Sleep = asyncio.sleep  # noqa: TID251 -- it repairs the schedule or reports on it, so it cannot be part of it


async def repeat(
    task: str,
    call: Callable[[], Awaitable[object]],
    *,
    every_s: float,
    at_once: bool = True,
    ends_with: tuple[type[Exception], ...] = (),
    sleep: Sleep = _sleep,
) -> None:
    """
    Run `call` until cancelled, each time `every_s` after the last call ended, also if it failed.

    A store outage or a bug in `call` is logged. `task`: its name in the log. `at_once`: do not wait before the first
    call. Raises the exceptions listed in `ends_with`.
    """
    if not at_once:
        await sleep(every_s)
    while True:
        try:
            await call()
        except ends_with:
            raise
        except STORE_ERRORS as error:
            log.warning("background_task_deferred", task=task, error=type(error).__name__)
        except Exception:
            log.exception("background_task_failed", task=task, again_s=every_s)
        await sleep(every_s)


class BackgroundTasks:
    """Endless tasks on the event loop that started them. A task that ends with an error is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def start(self, coroutines: Iterable[Coroutine[object, object, None]]) -> None:
        for coroutine in coroutines:
            task = asyncio.create_task(coroutine, name=getattr(coroutine, "__qualname__", ""))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """
        Cancel all tasks and wait for their end, at most 3 s.

        One cancellation may not be enough: redis-py swallows one that arrives while it connects. The wait is needed
        because an event loop that closes while a task runs reports an error.
        """
        self._is_stopping = True
        for _ in range(_TRIES):
            running = {task for task in self._tasks if not task.done()}
            if not running:
                return
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=_WAIT_S)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._is_stopping:
            log.error("background_task_failed", task=task.get_name(), exc_info=error)
