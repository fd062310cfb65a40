"""What a store says that passes: while it starts, fails over, is full or cannot write."""

from __future__ import annotations

import re

import redis

PASSING = (
    redis.ConnectionError,  # refused, reset, still loading its data
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,  # a failover on its way
    redis.exceptions.ClusterDownError,  # MASTERDOWN too
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.TryAgainError,
    OSError,
)
"""Raised by redis-py for what has a class of its own."""

_WORDS = re.compile(r"\b(MISCONF|NOREPLICAS|LOADING|MASTERDOWN|READONLY|OOM|BUSY)\b")
"""In the text of the others: the disk is full, too few replicas keep up. Older servers wrap them."""


def is_passing(error: BaseException) -> bool:
    """
    Whether the same command may succeed later, and has changed nothing yet; other errors are mistakes of ours.

    A script that is refused for any of these is refused at its first write, so it never stops half-way.
    """
    return isinstance(error, PASSING) or (
        isinstance(error, redis.ResponseError) and _WORDS.search(str(error)) is not None
    )
