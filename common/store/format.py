"""
The format of a store's data, and the check whether this version of Advent can read it.

A store names its format in one key, which the first process that uses it writes. No code reads two formats:
`advent migrate` converts a store while every process is stopped (see `common/migration/`), and every process refuses a
store of another format, because a campaign would stop without any error if its data were misread. If a store names no
format, one of its enrollments decides: does it have its status in the field where this version expects it?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import redis
import redis.asyncio

from common.settings.settings import SettingsError

FORMAT: Final = 3
"""Increased when a release cannot read what the release before it wrote; docs/decisions.md says when that may be."""

KEY: Final = "{advent}:format"
_ENROLLED, _ENROLLMENT, _STATUS = "{advent}:enrolled", "{advent}:enrollment:", "status"
"""
`enrolled` exists only in stores before format 3; `enrollment:` is repeated here, because the ledger's package imports
this module.
"""

_READ_OR_SET = """
-- read_or_set(KEYS = [format, enrolled], ARGV = [format of this version, prefix of an enrollment's key, field])
--   → the format's text | '' for people written before formats were counted
local named = redis.call('GET', KEYS[1])
if named then return named end
local person = redis.call('SRANDMEMBER', KEYS[2])
if person and redis.call('HEXISTS', ARGV[2] .. person, ARGV[3]) == 0 then return '' end
redis.pcall('SET', KEYS[1], ARGV[1])  -- A replica cannot, nor a full store: a later process can.
return ARGV[1]
"""
_ARGUMENTS = (2, KEY, _ENROLLED, FORMAT, _ENROLLMENT, _STATUS)


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """
    The format of a store.

    `number`: None for a store with contacts from before formats were numbered. `target`: the format of a migration
    that has begun and not ended.
    """

    number: int | None
    target: int | None = None

    @classmethod
    def parse(cls, text: str) -> StoreFormat:
        """Read `2`, or `1>2` while a migration is under way. Any other text gives the `number` None."""
        words = text.split(">", 1)
        if not all(word.isdecimal() for word in words):
            return cls(None)
        return cls(*map(int, words))

    def __str__(self) -> str:
        return f"{self.number}>{self.target}" if self.target else str(self.number)

    @property
    def is_current(self) -> bool:
        return self.number == FORMAT and self.target is None

    @property
    def is_older(self) -> bool:
        """Return whether this version could migrate the store, provided that it has the steps of that migration."""
        return self.number is not None and self.number < FORMAT and (self.target or FORMAT) <= FORMAT


def format_problem(client: redis.Redis) -> str | None:
    """Return one line if this version cannot read the store, else None. Raises `redis.RedisError`."""
    return _problem(client.eval(_READ_OR_SET, *_ARGUMENTS))


async def format_problem_async(client: redis.asyncio.Redis) -> str | None:
    """Like `format_problem`, for one event loop."""
    return describe_problem(await store_format(client))


async def store_format(client: redis.asyncio.Redis) -> StoreFormat:
    """Return the store's format; an empty store is given the format of this version. Raises `redis.RedisError`."""
    answer: Any = client.eval(_READ_OR_SET, *_ARGUMENTS)
    return StoreFormat.parse((await answer).decode())


async def refuse_another_format(client: redis.asyncio.Redis) -> None:
    """Raise SettingsError if the store has another format, or `redis.RedisError` if it does not answer."""
    if problem := await format_problem_async(client):
        raise SettingsError([problem])


def describe_problem(found: StoreFormat) -> str | None:
    """Return the problem and its cure in one line, or None for the format that this version reads."""
    if found.is_current:
        return None
    if found.target is not None:
        which = "`advent migrate`" if found.is_older else "`advent migrate` of the version that began it"
        return (
            f"a migration of the store from format {found.number} to {found.target} was interrupted; run {which} again"
        )
    written = "before formats were counted" if found.number is None else f"in format {found.number}"
    cure = "stop every process of Advent and run `advent migrate`"
    if not found.is_older:
        cure = "start the version that wrote it, or begin with an empty store and `advent rebuild`"
    return f"the store was written {written}, and this version reads format {FORMAT}; {cure}"


def _problem(answer: Any) -> str | None:
    return describe_problem(StoreFormat.parse(answer.decode()))
