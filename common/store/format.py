"""
Is what a store holds written as this version reads it?

A store says so itself, in `format`: written by the first process that looks at it. One that says nothing is judged by
one person, whoever it is: is their state where we look for it? Read wrongly, mail would stop without a word.
"""

from __future__ import annotations

from typing import Any, Final

import redis
import redis.asyncio

from common.settings.settings import SettingsError

FORMAT: Final = "1"
"""Counted on when a release cannot read what the one before has written; docs/decisions.md says when that may be."""

KEY: Final = "{advent}:format"
_ENROLLED, _ENROLLMENT, _STATUS = "{advent}:enrolled", "{advent}:enrollment:", "st"
"""Where one enrollment and its state are looked for; spelled here, because the ledger's package imports this one."""

_NOT_SAID: Final = "none"

_SAY = """
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
local one = redis.call('SRANDMEMBER', KEYS[2])
if one and redis.call('HEXISTS', ARGV[3] .. one, ARGV[4]) == 0 then return ARGV[2] end
redis.pcall('SET', KEYS[1], ARGV[1])  -- A replica cannot, a full store either: whoever comes later can.
return ARGV[1]
"""
_ARGUMENTS = (2, KEY, _ENROLLED, FORMAT, _NOT_SAID, _ENROLLMENT, _STATUS)


def problem_with_format(client: redis.Redis) -> str | None:
    """One line when this version cannot read the store. Raises `redis.RedisError`."""
    return _in_words(client.eval(_SAY, *_ARGUMENTS))


async def problem_with_format_async(client: redis.asyncio.Redis) -> str | None:
    """The same, for one event loop."""
    answer: Any = client.eval(_SAY, *_ARGUMENTS)
    return _in_words(await answer)


async def refuse_another_format(client: redis.asyncio.Redis) -> None:
    """Before a command. Raises SettingsError, or `redis.RedisError` when the store does not answer."""
    if problem := await problem_with_format_async(client):
        raise SettingsError([problem])


def _in_words(said: Any) -> str | None:
    kept = said.decode()
    if kept == FORMAT:
        return None
    whose = "before formats were counted" if kept == _NOT_SAID else f"in format {kept}"
    return (
        f"the store was written {whose}, and this version reads format {FORMAT}; start the version that wrote it"
        " (see In flight in CHANGELOG.md), or begin with an empty store and `advent rebuild`"
    )
