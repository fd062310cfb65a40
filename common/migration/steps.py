"""
The steps from one format of the store to the next, each in a module of its own.

A step changes a store that nobody else is connected to. It may be killed at any instant and is then repeated, so it
must leave alone what it has changed already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import redis.asyncio

from common.store.format import FORMAT, StoreFormat

Report = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationResult:
    """What a step has changed; what was changed by an earlier, interrupted run of it counts too."""

    people: int = 0
    deliveries: int = 0
    bookings: int = 0
    keys: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`migrate` takes the store from format `source` to format `source + 1`. Raises `redis.RedisError`."""

    source: int
    migrate: Callable[[redis.asyncio.Redis, Report], Awaitable[MigrationResult]]

    @property
    def target(self) -> int:
        return self.source + 1


STEPS: Final[Sequence[Step]] = ()
"""Oldest first."""


def steps_from(found: StoreFormat, steps: Sequence[Step] = STEPS, *, target: int = FORMAT) -> list[Step]:
    """The steps that lead from a format to `target`, in order; empty when there is no such way."""
    if found.number is None or found.target not in (None, found.number + 1):
        return []
    known = {step.source: step for step in steps}
    wanted = range(found.number, target)
    return [known[source] for source in wanted] if all(source in known for source in wanted) else []
