"""Errors of the store: what to catch, what passes by itself and is waited for, and what a person has to cure."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from common.observability.logs import get_logger

STORE_ERRORS = (redis.RedisError, OSError)
"""Everything that a command raises when the store is away, refuses it or fails; time-outs are an OSError."""

REFUSALS = (redis.AuthenticationError, redis.exceptions.AuthorizationError)
"""What waiting does not cure, though redis-py counts it as trouble with the connection."""

_TRANSIENT = (
    redis.ConnectionError,  # refused, reset, still loading its data
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,  # a failover is under way
    redis.exceptions.ClusterDownError,  # MASTERDOWN too
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.TryAgainError,
    OSError,
)
_TRANSIENT_WORDS = re.compile(r"\b(MISCONF|NOREPLICAS|LOADING|MASTERDOWN|READONLY|OOM|BUSY)\b")
"""In the text of errors without a class of their own: the disk is full, too few replicas. Older servers wrap them."""


class StoreError(Exception):
    """The store cannot be started or reached; the message says what to do."""


def is_transient(error: BaseException) -> bool:
    """
    Whether the same command may succeed later, and has changed nothing yet. Other errors are bugs of ours.

    A script that is refused for any of these reasons is refused at its first write, so it never stops half-way.
    """
    return isinstance(error, _TRANSIENT) or (
        isinstance(error, redis.ResponseError) and _TRANSIENT_WORDS.search(str(error)) is not None
    )


log = get_logger(__name__)
T = TypeVar("T")

_BACKOFF = ConstantBackoff(0.2)
"""Not an exponential one: redis-py's computes 2**failures, which is too large for a float after some minutes."""
_FOR_EVER = -1


class OutageLog:
    """Logs `store_away` once for each kind of error, and `store_back` once. `fields`: of both lines."""

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


def until_answered(command: Callable[[], T]) -> T:
    """The command's answer. Blocks while the store is away; raises errors that waiting does not cure."""
    return Retry(_BACKOFF, _FOR_EVER, STORE_ERRORS).call_with_retry(command, _ignore, is_retryable=is_transient)


async def until_answered_async(call: Callable[[], Awaitable[T]], outage: OutageLog) -> T:
    """The same, for one event loop. `call` is repeated, so repeating it must change nothing."""

    async def failed(error: Exception) -> None:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # redis-py swallows a cancellation that comes while it connects.
        outage.failed(error)

    retry = AsyncRetry(_BACKOFF, _FOR_EVER, STORE_ERRORS)  # type: ignore[arg-type]  # it catches whatever it is given
    answer = await retry.call_with_retry(call, failed, is_retryable=is_transient)
    outage.answered()
    return answer


def _ignore(_error: Exception) -> None:
    """The heartbeat of the same process logs it."""
