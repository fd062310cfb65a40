"""Errors of the store: what to catch, what passes by itself, and what a person has to cure."""

from __future__ import annotations

import re

import redis

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
