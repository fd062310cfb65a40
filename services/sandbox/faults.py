"""The active fault rules, and the middleware that applies them between a provider's access checks and its handlers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import TypeAdapter

from services.sandbox.dials import DialBoard
from services.sandbox.disk import Disk
from services.sandbox.fault_rules import Rule

WORK_SECONDS = web.RequestKey("work_seconds", float)
DROPPED = web.RequestKey("dropped", bool)

HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr></body></html>"

ErrorAnswer = Callable[[web.Request, Rule, "web.StreamResponse | None"], web.Response]
"""Builds a provider's error response for a rule. The third argument is the response that is lost, if any."""

_RULES = TypeAdapter(list[Rule])


class FaultBoard:
    """The rules, in order. They survive a restart with their counts, so that a kill does not end a fault early."""

    def __init__(self, disk: Disk, board: DialBoard) -> None:
        self._disk = disk
        saved = disk.load("faults")
        self.rules: list[Rule] = [] if saved is None else _RULES.validate_json(saved)
        self._random = Random(board.now.seed)

    def put(self, given: list[Any]) -> None:
        """Replace all rules. If one is invalid, raises pydantic's ValidationError and changes nothing."""
        self._set([rule.model_copy(update={"id": f"f{n}"}) for n, rule in enumerate(_RULES.validate_python(given), 1)])

    def add(self, given: Any) -> Rule:
        rule = Rule.model_validate(given)
        highest = max((int(known.id[1:]) for known in self.rules), default=0)
        rule = rule.model_copy(update={"id": f"f{highest + 1}"})
        self._set([*self.rules, rule])
        return rule

    def remove(self, rule_id: str) -> bool:
        left = [rule for rule in self.rules if rule.id != rule_id]
        is_known = len(left) < len(self.rules)
        self._set(left)
        return is_known

    def reseed(self, seed: int) -> None:
        self._random = Random(seed)

    def draw(self, provider: str, operation: str, body: str) -> Rule | None:
        """Return the rule that applies to this request, or None. The rule's count goes down by one."""
        for index, rule in enumerate(self.rules):
            if rule.matches(provider, operation, body) and self._random.random() < rule.probability:
                left = None if rule.count is None else rule.count - 1
                self.rules[index] = rule.model_copy(update={"count": left, "met": rule.met + 1})
                self._set(self.rules)
                return rule
        return None

    def _set(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._disk.save("faults", _RULES.dump_json(rules).decode())


def fault_middleware(board: FaultBoard, provider: str, error_answer: ErrorAnswer) -> Middleware:
    """Return middleware that applies the rules: instead of the handler, before it, or after it (`after_commit`)."""

    @web.middleware
    async def faults(request: web.Request, handler: Handler) -> web.StreamResponse:
        operation = request.match_info.route.name or ""
        rule = board.draw(provider, operation, await request.text()) if operation and board.rules else None
        if rule is None:
            return await handler(request)
        if rule.kind == "slow" and not rule.after_commit:
            request[WORK_SECONDS] = rule.seconds
            return await handler(request)
        lost = await handler(request) if rule.after_commit else None
        if lost is not None and lost.status >= 400:
            return lost  # Nothing was committed, so there is no response to lose.
        return await _apply(request, rule, lost, error_answer)

    return faults


@web.middleware
async def delay(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Wait as long as a `slow` rule requires, then call the handler."""
    await take_time(request)
    return await handler(request)


async def take_time(request: web.Request) -> None:
    seconds = request.get(WORK_SECONDS, 0.0)
    if seconds:
        await asyncio.sleep(seconds)  # noqa: TID251 -- a rule that delays


async def _apply(
    request: web.Request, rule: Rule, lost: web.StreamResponse | None, error_answer: ErrorAnswer
) -> web.StreamResponse:
    if rule.seconds:
        await asyncio.sleep(rule.seconds)  # noqa: TID251 -- a rule that delays
    if rule.kind in ("drop", "hang"):
        return drop_connection(request)
    if rule.kind == "html":
        status = rule.status or 502
        return web.Response(status=status, text=HTML.format(f"{status} {_reason(status)}"), content_type="text/html")
    if rule.kind == "slow":
        assert lost is not None  # slow before the commit went on to the handler above
        return lost
    return error_answer(request, rule, lost)


def drop_connection(request: web.Request) -> web.StreamResponse:
    """Close the connection without a byte of a response."""
    request[DROPPED] = True
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def committed_id(lost: web.StreamResponse | None) -> str | None:
    """Return the id in the response that is lost, or None when there is none."""
    if not isinstance(lost, web.Response) or not isinstance(lost.body, bytes):
        return None
    found = json.loads(lost.body).get("id")
    return found if isinstance(found, str) else None


def _reason(status: int) -> str:
    return {200: "OK", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}.get(status, "Error")
