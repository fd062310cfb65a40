"""
Runs the entry points of `lua/` by EVALSHA.

All calls made in one turn of the event loop are sent together, in one pipeline; neighboring calls of an entry point in
`TAKE_MANY` become one call. Under load, many signups then cost a gateway one round trip and the store one fsync. A
single call costs nothing extra.
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
from common.store.lua import compose, literals, read_libraries

Argument = str | int | float | bytes
GATHERED_MAX = 256
"""Maximum number of calls sent together, so that a batch occupies the store for a few milliseconds at most."""

TAKE_MANY = frozenset({"signups.accept"})
"""Entry points that accept the keys and arguments of any number of calls, and return a list with an answer for each."""

LIBRARIES = read_libraries(Path(__file__).with_name("lua"), LUA_FOLDER)
"""The Lua libraries of the ledger and the queue, by name."""

_TABLES = {"queue_keys": QueueLayout().lua_functions(), "keys": literals(keys.LUA), "limits": literals(LIMITS)}


@dataclass(frozen=True, slots=True)
class Script:
    """A script for one entry point. `name`: file and entry point, such as `deliveries.claim`."""

    name: str
    text: str
    sha: str


@cache
def load(name: str) -> Script:
    """Return the script of an entry point as the store runs it: with key names, limits, and the libraries it uses."""
    text = compose(name, LIBRARIES, _TABLES)
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(slots=True)
class _Call:
    """One call of a script. `waiting`: the callers' futures; several only for a script in `TAKE_MANY`."""

    script: Script
    keys: list[str]
    args: list[Argument]
    waiting: list[asyncio.Future[Any]]

    @property
    def command(self) -> tuple[Argument, ...]:
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args)

    def answer(self, answer: Any) -> None:
        """Give the callers their answers. An exception goes to all of them or, within a list of answers, to one."""
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
        """Raise this error in the callers that have no answer yet."""
        for future in self.waiting:
            if not future.done():
                future.set_exception(error)


class Scripts:
    """Runs scripts over one client, within one event loop."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._command: Callable[..., Awaitable[Any]] = client.execute_command
        self._waiting: list[_Call] = []
        self._batches: set[asyncio.Task[None]] = set()

    async def run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a script and return its answer. If it raises `redis.RedisError`, the script did everything or nothing."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Call(load(name), [*keys], [*args], [answer]))
        if len(self._waiting) == 1:
            loop.call_soon(self._send_waiting)
        return await answer

    def _send_waiting(self) -> None:
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
                # A restarted store has lost its scripts. The refused call changed nothing, so it is sent again.
                answers[index] = await self._one(calls[index])
        return answers


def _gathered(calls: list[_Call]) -> list[_Call]:
    """Join neighboring calls of a script in `TAKE_MANY` into one call each. The order stays the same."""
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
