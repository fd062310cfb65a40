"""
Refusals: why a store that answers cannot be used, with the cure. A script probes this on one of our own keys.

A PING is not enough: a full store, a replica, a store without Lua and a node of a Redis Cluster answer it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import redis
import redis.asyncio

from common.store.errors import REFUSALS
from common.store.format import KEY

_PROBE: Final = "return redis.call('SETRANGE', KEYS[1], 0, '')"
"""Changes nothing, and is refused whenever a write would be."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    Why a store cannot be used.

    `reason`: continues a sentence that begins with "the store". `is_final`: waiting does not help. `allows_reads`: only
    writes are refused.
    """

    reason: str
    cure: str
    is_final: bool = False
    allows_reads: bool = False

    @property
    def line(self) -> str:
        """Return the refusal as one line for a person, with the setting."""
        return f"REDIS_URL: the store {self.reason}; {self.cure}"


CLUSTER: Final = Refusal(
    "is a Redis Cluster, on which nothing would be sent",
    "name in REDIS_URL a store that is not a cluster (cluster-enabled no), or its sentinels",
    is_final=True,
)
_NO_SCRIPTS: Final = Refusal(
    "runs no Lua scripts",
    "load its Lua module (Valkey 9.1 and newer), or allow EVAL, EVALSHA and SCRIPT",
    is_final=True,
)
_BY_TEXT: Final = (
    (re.compile(r"\bOOM\b"), Refusal("is out of memory and takes no write", "raise maxmemory", allows_reads=True)),
    (
        re.compile(r"\bREADONLY\b"),
        Refusal(
            "is a replica, which takes no write",
            "name its primary, or its sentinels, in REDIS_URL",
            allows_reads=True,
        ),
    ),
    (
        re.compile(r"\bNOREPLICAS\b"),
        Refusal(
            "has fewer replicas than min-replicas-to-write and takes no write",
            "start them, or lower min-replicas-to-write",
            allows_reads=True,
        ),
    ),
    (
        re.compile(r"\bMISCONF\b"),
        Refusal("cannot write its disk and takes no write", "make room on the disk", allows_reads=True),
    ),
    (re.compile(r"\bMOVED\b|\bCLUSTERDOWN\b|\bCROSSSLOT\b"), CLUSTER),
    (re.compile(r"unknown command\W+eval|could not find scripting engine", re.IGNORECASE), _NO_SCRIPTS),
)
_WORD_OF_CLASS: Final = (
    (redis.exceptions.OutOfMemoryError, "OOM"),
    (redis.exceptions.ReadOnlyError, "READONLY"),
    (redis.exceptions.MovedError, "MOVED"),
    (redis.exceptions.AskError, "MOVED"),
    (redis.exceptions.ClusterDownError, "CLUSTERDOWN"),
    (redis.exceptions.ClusterCrossSlotError, "CROSSSLOT"),
)
"""The word that redis-py removes from the text of an error for which it has a class."""


def refusal_of(error: Exception) -> Refusal | None:
    """Return the refusal that an error of a command means. None for other errors, such as a lost connection."""
    if isinstance(error, REFUSALS):
        return Refusal(f"refuses us ({str(error).rstrip('.')})", "set user and password in REDIS_URL", is_final=True)
    if not isinstance(error, redis.ResponseError) or isinstance(error, redis.exceptions.MasterDownError):
        return None
    words = [word for kind, word in _WORD_OF_CLASS if isinstance(error, kind)]
    text = " ".join([*words, str(error)])
    return next((found for pattern, found in _BY_TEXT if pattern.search(text)), None)


def ask_probe(pipe: Any) -> None:
    """Add the probe to a pipeline that returns errors. Its two answers are the arguments of `refusal_in`."""
    pipe.eval(_PROBE, 1, KEY)
    pipe.info("cluster")


def refusal_in(answer: Any, info: Any) -> Refusal | None:
    """Return the refusal in the answers to `ask_probe`, or None. Raises an error that is not a known refusal."""
    if isinstance(answer, Exception):
        if (found := refusal_of(answer)) is None:
            raise answer
        return found
    # A managed store may forbid INFO.
    return CLUSTER if isinstance(info, dict) and info.get("cluster_enabled") else None


async def find_refusal(client: redis.asyncio.Redis) -> Refusal | None:
    """Return the store's refusal, or None. Raises one of `STORE_ERRORS` without an answer, or for an unknown error."""
    pipe = client.pipeline(transaction=False)
    ask_probe(pipe)
    try:
        answers = await pipe.execute(raise_on_error=False)
    except REFUSALS as error:  # Raised at the login, before any command.
        return refusal_of(error)
    return refusal_in(*answers)


def find_refusal_blocking(client: redis.Redis) -> Refusal | None:
    """Like `find_refusal`, but blocking."""
    pipe = client.pipeline(transaction=False)
    ask_probe(pipe)
    try:
        answers = pipe.execute(raise_on_error=False)
    except REFUSALS as error:
        return refusal_of(error)
    return refusal_in(*answers)
