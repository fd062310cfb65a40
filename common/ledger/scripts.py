"""
Runs the Lua scripts, one EVALSHA each, and gathers the calls of one loop turn into one pipeline.

Under load a gateway then pays one round trip, and the store one fsync, for many signups; a single call pays nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import redis.asyncio
import structlog
from redis.exceptions import NoScriptError

from common.store_errors import is_passing

log = structlog.get_logger(__name__)
T = TypeVar("T")

Argument = str | int | float | bytes
GATHERED_MAX = 256
"""Calls in one pipeline: one batch occupies the store for a few milliseconds at most."""


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    text: str
    sha: str


@cache
def load(name: str) -> Script:
    """A script by its file name, behind the functions that all share (`lib.lua`)."""
    folder = files("common.ledger") / "scripts"
    text = (folder / "lib.lua").read_text() + "\n" + (folder / f"{name}.lua").read_text()
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Scripts:
    """The scripts over one client, for one event loop."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._command: Callable[..., Awaitable[Any]] = client.execute_command
        self._waiting: list[tuple[tuple[Any, ...], Script, asyncio.Future[Any]]] = []
        self._batches: set[asyncio.Task[None]] = set()

    async def run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """The script's answer. Raises `redis.RedisError`: what it does was then done whole, or not at all."""
        script = load(name)
        return await self._gathered(("EVALSHA", script.sha, len(keys), *keys, *args), script)

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        """A plain command, under the same terms as `run`."""
        return await call()

    async def _gathered(self, command: tuple[Any, ...], script: Script) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, script, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._depart)
        return await answer

    def _depart(self) -> None:
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), GATHERED_MAX):
            batch = asyncio.ensure_future(self._send(waiting[first : first + GATHERED_MAX]))
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)

    async def _send(self, calls: list[tuple[tuple[Any, ...], Script, asyncio.Future[Any]]]) -> None:
        try:
            if len(calls) == 1:
                answers = [await self._one(*calls[0][:2])]
            else:
                answers = await self._many(calls)
        except (redis.RedisError, OSError, asyncio.CancelledError) as error:
            answers = [error] * len(calls)
        for (_, _, future), answer in zip(calls, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def _one(self, command: tuple[Any, ...], script: Script) -> Any:
        try:
            return await self._command(*command)
        except NoScriptError:
            return await self._command("EVAL", script.text, *command[2:])

    async def _many(self, calls: list[tuple[tuple[Any, ...], Script, asyncio.Future[Any]]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command, _, _ in calls:
            pipeline.execute_command(*command)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                # A store that restarted has forgotten its scripts; a call refused for that has changed nothing.
                answers[index] = await self._one(*calls[index][:2])
        return answers


class PatientScripts(Scripts):
    """
    The same, for those who wait for a store that is away.

    A call whose answer was lost is repeated: every script is written so that its repetition changes nothing.
    """

    async def run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        return await self.read(lambda: super(PatientScripts, self).run(name, keys, args))

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        waited_s = 0.0
        while True:
            try:
                answer = await call()
            except (redis.RedisError, OSError) as error:
                if not is_passing(error):
                    raise
                if waited_s == 0:
                    log.warning("store_away", error=type(error).__name__, detail=str(error))
                pause_s = min(0.1 + waited_s / 4, 1.0)
                waited_s += pause_s
                await asyncio.sleep(pause_s)  # noqa: TID251 -- nothing can be planned while the store is away
                continue
            if waited_s:
                log.info("store_back", waited_s=round(waited_s, 1))
            return answer
