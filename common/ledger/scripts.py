"""
The entry points of `lua/`, run by EVALSHA.

The calls of one loop turn go together: those of an entry point that takes many in one call, the others in one pipeline.
Under load a gateway then pays one round trip, and the store one fsync, for many signups; a single call pays nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import redis.asyncio
from redis.exceptions import NoScriptError

from common.ledger import keys
from common.ledger.constants import LIMITS
from common.queue.layout import QueueLayout
from common.queue.lua_broker import LUA_FOLDER
from common.store.lua import compose, read_libraries, table_of

Argument = str | int | float | bytes
GATHERED_MAX = 256
"""Calls sent together: one batch occupies the store for a few milliseconds at most."""

TAKE_MANY = frozenset({"signups.accept"})
"""Entry points that take the keys and arguments of any number of calls, and answer with a list."""

LIBRARIES = read_libraries(Path(__file__).with_name("lua"), LUA_FOLDER)
"""The ledger's and the queue's, by name."""

_PREAMBLE = QueueLayout().lua_table() + table_of("keys", keys.LUA) + table_of("limits", LIMITS)


@dataclass(frozen=True, slots=True)
class Script:
    """`name`: file and entry point, `deliveries.claim`."""

    name: str
    sha: str

    @property
    def text(self) -> str:
        """Composed each time: tens of kilobytes, and only a store that does not know the script asks for it."""
        return _text(self.name)


@cache
def load(name: str) -> Script:
    """One entry point as the store runs it, with names of keys, limits, and the libraries that it uses."""
    return Script(name, hashlib.sha1(_text(name).encode(), usedforsecurity=False).hexdigest())


def _text(name: str) -> str:
    return compose(name, LIBRARIES, preamble=_PREAMBLE)


@dataclass(slots=True)
class _Call:
    """One call of a script, for one who waits for its answer or, of a script that takes many, for several."""

    script: Script
    keys: list[str]
    args: list[Argument]
    waiting: list[asyncio.Future[Any]]

    @property
    def command(self) -> tuple[Argument, ...]:
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args)

    def answer(self, answer: Any) -> None:
        """An exception is one, for all of them or, within a list, for that one."""
        answers = [answer] * len(self.waiting)
        if self.script.name in TAKE_MANY and not isinstance(answer, BaseException):
            answers = answer
        for future, own in zip(self.waiting, answers, strict=True):
            if future.done():
                continue
            if isinstance(own, BaseException):
                future.set_exception(own)
            else:
                future.set_result(own)

    def fail(self, error: BaseException) -> None:
        """For the calls that have no answer yet."""
        for future in self.waiting:
            if not future.done():
                future.set_exception(error)


class Scripts:
    """The scripts over one client, for one event loop."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._command: Callable[..., Awaitable[Any]] = client.execute_command
        self._waiting: list[_Call] = []
        self._batches: set[asyncio.Task[None]] = set()

    async def run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """The script's answer. Raises `redis.RedisError`: what it does was then done whole, or not at all."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Call(load(name), [*keys], [*args], [answer]))
        if len(self._waiting) == 1:
            loop.call_soon(self._depart)
        return await answer

    def _depart(self) -> None:
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), GATHERED_MAX):
            batch = asyncio.ensure_future(self._send(_gathered(waiting[first : first + GATHERED_MAX])))
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)

    async def _send(self, calls: list[_Call]) -> None:
        try:
            answers = await self._many(calls) if len(calls) > 1 else [await self._one(calls[0])]
            for call, answer in zip(calls, answers, strict=True):
                call.answer(answer)
        except BaseException as error:  # noqa: BLE001 -- every caller must be answered, whatever happened
            for call in calls:
                call.fail(error)

    async def _one(self, call: _Call) -> Any:
        try:
            return await self._command(*call.command)
        except NoScriptError:
            return await self._command("EVAL", call.script.text, *call.command[2:])

    async def _many(self, calls: list[_Call]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*call.command)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                # A store that restarted has forgotten its scripts; a call refused for that has changed nothing.
                answers[index] = await self._one(calls[index])
        return answers


def _gathered(calls: list[_Call]) -> list[_Call]:
    """Neighbours of a script that takes many, in one call each; their order stays."""
    gathered: list[_Call] = []
    for call in calls:
        last = gathered[-1] if gathered else None
        if last is None or last.script is not call.script or call.script.name not in TAKE_MANY:
            gathered.append(call)
            continue
        last.keys += call.keys
        last.args += call.args
        last.waiting += call.waiting
    return gathered
