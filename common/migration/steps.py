"""
The steps from one format of the store to the next, each in a module of its own.

A step changes a store that no other client is connected to. It may be killed at any moment and is then repeated, so it
must leave alone what it has changed already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import redis.asyncio

from common.migration import format_2, format_3
from common.migration.result import MigrationResult, Report
from common.store.format import FORMAT, StoreFormat


class Migrate(Protocol):
    """Migrates a store by one step. `secret_key`: the SECRET_KEY that the store was created with."""

    async def __call__(self, client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
        """Raises `redis.RedisError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`migrate` takes the store from format `source` to format `source + 1`."""

    source: int
    migrate: Migrate

    @property
    def target(self) -> int:
        return self.source + 1


STEPS: Final[Sequence[Step]] = (
    Step(source=1, migrate=format_2.migrate),
    Step(source=2, migrate=format_3.migrate),
)
"""Oldest first."""


def steps_from(found: StoreFormat, steps: Sequence[Step] = STEPS, *, target: int = FORMAT) -> list[Step]:
    """Return the steps that lead from a format to `target`, in order; empty when there is no such way."""
    if found.number is None or found.target not in (None, found.number + 1):
        return []
    known = {step.source: step for step in steps}
    wanted = range(found.number, target)
    return [known[source] for source in wanted] if all(source in known for source in wanted) else []
