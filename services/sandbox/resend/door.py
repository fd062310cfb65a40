"""Before a request may work at Resend: the key, the pace, the quotas; and every answer with the limit's headers."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from common.clock import utc_datetime
from common.observability.logs import get_logger
from services.sandbox.budget import Reading
from services.sandbox.faults import DROPPED, WORK_SECONDS
from services.sandbox.resend.errors import MESSAGES, ResendProblem
from services.sandbox.resend.mails import Mails
from services.sandbox.state import Sandbox

SENDING = {"emails.send", "emails.batch"}
TEAM = "team"  # One limit for all keys of a team, and this account has one team.

log = get_logger(__name__)


def operation_of(request: web.Request) -> str:
    return request.match_info.route.name or "unknown"


def answering(sandbox: Sandbox) -> Middleware:
    """The outermost: counts, spends from the budget, and turns every failure into an answer of Resend's shape."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        sandbox.tally.asked("resend", operation_of(request))
        limit = sandbox.dials.resend_requests_per_second
        reading = sandbox.resend_windows.spend(TEAM, limit=limit, now_ms=sandbox.clock.now_ms())
        response = await _in_resends_words(request, handler, reading)
        for name, value in _limit_headers(reading).items():
            response.headers.setdefault(name, value)
        sandbox.tally.answered("resend", "dropped" if request.get(DROPPED) else str(response.status))
        return response

    return answer


async def _in_resends_words(request: web.Request, handler: Handler, reading: Reading) -> web.StreamResponse:
    try:
        if reading.is_over:
            raise _too_many(reading)
        return await handler(request)
    except ResendProblem as problem:
        return problem.answer()
    except web.HTTPNotFound:
        return ResendProblem(404, "not_found").answer()
    except web.HTTPMethodNotAllowed:
        return ResendProblem(405, "method_not_allowed").answer()
    except web.HTTPRequestEntityTooLarge:
        return ResendProblem(413, "validation_error", "The request is larger than 40MB.").answer()
    except ConnectionResetError:
        return web.Response(status=400)  # Who asked went away in the middle of it: nobody hears the answer.
    except Exception:
        log.exception("sandbox_failed", operation=operation_of(request))
        return ResendProblem(500, "application_error").answer()


def admitting(sandbox: Sandbox, mails: Mails) -> Middleware:
    """Who may do this, and is there quota left?"""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_key(request, sandbox)
        if operation_of(request) in SENDING:
            _check_quotas(sandbox, mails)
        return await handler(request)

    return admit


def working(sandbox: Sandbox) -> Middleware:
    """Holds the idempotency key while the request is being worked on, however slow that is dialled to be."""

    @web.middleware
    async def work(request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key") if operation_of(request) in SENDING else None
        if key in sandbox.keys_in_progress:
            raise ResendProblem(409, "concurrent_idempotent_requests")
        if key is not None:
            sandbox.keys_in_progress.add(key)
        try:
            await _take_time(request)
            return await handler(request)
        finally:
            if key is not None:
                sandbox.keys_in_progress.discard(key)

    return work


async def _take_time(request: web.Request) -> None:
    seconds = request.get(WORK_SECONDS, 0.0)
    if seconds:
        await asyncio.sleep(seconds)  # noqa: TID251 -- dialled slowness


def _check_key(request: web.Request, sandbox: Sandbox) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise ResendProblem(401, "missing_api_key")
    if key in sandbox.dials.resend_api_keys:
        return
    if key not in sandbox.dials.resend_sending_keys:
        raise ResendProblem(403, "invalid_api_key")
    if operation_of(request) not in SENDING:
        raise ResendProblem(401, "restricted_api_key")


def _check_quotas(sandbox: Sandbox, mails: Mails) -> None:
    now = utc_datetime(sandbox.clock.now_ms())
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    quotas = {
        "daily_quota_exceeded": (sandbox.dials.resend_daily_quota, day),
        "monthly_quota_exceeded": (sandbox.dials.resend_monthly_quota, day.replace(day=1)),
    }
    for name, (quota, start) in quotas.items():
        if quota is not None and mails.recipients_since(int(start.timestamp() * 1_000)) >= quota:
            raise ResendProblem(429, name)


def _too_many(reading: Reading) -> ResendProblem:
    message = MESSAGES["rate_limit_exceeded"].format(limit=reading.limit)
    return ResendProblem(429, "rate_limit_exceeded", message, headers={"retry-after": str(reading.reset_seconds)})


def _limit_headers(reading: Reading) -> dict[str, str]:
    return {
        "ratelimit-limit": str(reading.limit),
        "ratelimit-remaining": str(reading.remaining),
        "ratelimit-reset": str(reading.reset_seconds),
    }
