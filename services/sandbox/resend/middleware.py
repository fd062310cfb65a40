"""Resend's middleware: API key, rate limit with its headers, quotas, errors, and idempotency keys in progress."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from common.clock import utc_datetime
from services.sandbox.faults import take_time
from services.sandbox.middleware import operation_of
from services.sandbox.rate_windows import Reading
from services.sandbox.resend.errors import MESSAGES, ResendProblem
from services.sandbox.resend.mails import Mails
from services.sandbox.state import Sandbox

SENDING = {"emails.send", "emails.batch"}
TEAM = "team"
"""The rate limit applies to a team, whatever the key. This account has one team."""


def rate_limit_middleware(sandbox: Sandbox) -> Middleware:
    """Return middleware that applies the rate limit. Headers of every response state what is left of it."""

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        requests_max = sandbox.dials.resend_requests_per_second
        reading = sandbox.resend_windows.spend(TEAM, limit=requests_max, now_ms=sandbox.clock.now_ms())
        response = _too_many(reading).response() if reading.is_over else await handler(request)
        for name, value in _limit_headers(reading).items():
            response.headers.setdefault(name, value)
        return response

    return limit


def known_problem(error: Exception) -> ResendProblem | None:
    """Return Resend's error for an exception, or None for an internal error of the sandbox."""
    match error:
        case ResendProblem():
            return error
        case web.HTTPNotFound():
            return ResendProblem(404, "not_found")
        case web.HTTPMethodNotAllowed():
            return ResendProblem(405, "method_not_allowed")
        case web.HTTPRequestEntityTooLarge():
            return ResendProblem(413, "validation_error", "The request is larger than 40MB.")
    return None


def admission_middleware(sandbox: Sandbox, mails: Mails) -> Middleware:
    """Return middleware that checks the key's rights and the quotas."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_key(request, sandbox)
        if operation_of(request) in SENDING:
            _check_quotas(sandbox, mails)
        return await handler(request)

    return admit


def idempotency_key_middleware(sandbox: Sandbox) -> Middleware:
    """Return middleware that reserves the idempotency key while a request is in progress, `slow` rules included."""

    @web.middleware
    async def hold_key(request: web.Request, handler: Handler) -> web.StreamResponse:
        key = request.headers.get("Idempotency-Key") if operation_of(request) in SENDING else None
        if key in sandbox.keys_in_progress:
            raise ResendProblem(409, "concurrent_idempotent_requests")
        if key is not None:
            sandbox.keys_in_progress.add(key)
        try:
            await take_time(request)
            return await handler(request)
        finally:
            if key is not None:
                sandbox.keys_in_progress.discard(key)

    return hold_key


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
