"""Errors of the store: which to catch, which are temporary, and which a person must fix."""

from __future__ import annotations

import re

import redis

STORE_ERRORS = (redis.RedisError, OSError)
"""Everything that a command raises when the store is away, refuses it or fails. A time-out is an OSError."""

REFUSALS = (redis.AuthenticationError, redis.exceptions.AuthorizationError)
"""Errors that waiting does not cure, although redis-py makes them a ConnectionError, and so transient."""

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
"""Words in errors that have no class of their own (disk full, too few replicas), or that older servers wrap."""


class StoreError(Exception):
    """The store cannot be started or reached; the message says what to do."""


def is_transient(error: BaseException) -> bool:
    """
    Return whether the same command may succeed later and has changed nothing yet. Other errors are bugs of ours.

    A script that is refused for any of these reasons is refused at its first write, so it never stops halfway.
    """
    return isinstance(error, _TRANSIENT) or (
        isinstance(error, redis.ResponseError) and _TRANSIENT_WORDS.search(str(error)) is not None
    )
