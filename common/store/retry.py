"""Waiting for a store that is away: a command is repeated until the store answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from common.observability.logs import get_logger
from common.store.errors import STORE_ERRORS, is_transient

log = get_logger(__name__)
T = TypeVar("T")

_BACKOFF = ConstantBackoff(0.2)
"""Constant, because redis-py's exponential backoff computes 2**failures, a float overflow after some minutes."""
_FOR_EVER = -1


class OutageLog:
    """Logs `store_away` once for each kind of error, and `store_back` once. `fields`: added to both lines."""

    def __init__(self, **fields: str) -> None:
        self._fields = fields
        self._error = ""

    def failed(self, error: Exception) -> None:
        if type(error).__name__ != self._error:
            self._error = type(error).__name__
            log.warning("store_away", error=self._error, detail=str(error), **self._fields)

    def answered(self) -> None:
        if self._error:
            self._error = ""
            log.info("store_back", **self._fields)


def retry_until_answered(command: Callable[[], T]) -> T:
    """Return the command's answer. Blocks while the store is away. Raises errors that waiting does not cure."""
    return Retry(_BACKOFF, _FOR_EVER, STORE_ERRORS).call_with_retry(command, _ignore, is_retryable=is_transient)


async def retry_until_answered_async(call: Callable[[], Awaitable[T]], outage: OutageLog) -> T:
    """Like `retry_until_answered`, for one event loop. `call` may be repeated, so a repetition must change nothing."""

    async def failed(error: Exception) -> None:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # redis-py swallows a cancellation that arrives while it connects.
        outage.failed(error)

    retry = AsyncRetry(_BACKOFF, _FOR_EVER, STORE_ERRORS)  # type: ignore[arg-type]  # it catches whatever it is given
    answer = await retry.call_with_retry(call, failed, is_retryable=is_transient)
    outage.answered()
    return answer


def _ignore(_error: Exception) -> None:
    """Log nothing: the heartbeat thread of the same process logs the outage."""
