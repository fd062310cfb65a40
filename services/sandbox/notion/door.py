"""Before a request may work at Notion: the token, the version, the pace; and every answer with its request id."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from common.observability.logs import get_logger
from services.sandbox.faults import DROPPED, WORK_SECONDS
from services.sandbox.notion.errors import NotionProblem, invalid
from services.sandbox.state import Sandbox

VERSIONS = ("2025-09-03", "2026-03-11")

log = get_logger(__name__)


def operation_of(request: web.Request) -> str:
    return request.match_info.route.name or "unknown"


def answering(sandbox: Sandbox) -> Middleware:
    """The outermost: counts, and turns every failure into an answer of Notion's shape."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        sandbox.tally.asked("notion", operation_of(request))
        response = await _in_notions_words(request, handler)
        sandbox.tally.answered("notion", "dropped" if request.get(DROPPED) else str(response.status))
        return response

    return answer


async def _in_notions_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except NotionProblem as problem:
        return problem.answer()
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return NotionProblem(400, "invalid_request_url").answer()
    except web.HTTPRequestEntityTooLarge:
        return NotionProblem(413, "validation_error", "Request body too large.").answer()
    except ConnectionResetError:
        return web.Response(status=400)  # Who asked went away in the middle of it: nobody hears the answer.
    except Exception:
        log.exception("sandbox_failed", operation=operation_of(request))
        return NotionProblem(500, "internal_server_error").answer()


def admitting(sandbox: Sandbox) -> Middleware:
    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        token = _token(request, sandbox)
        _check_version(request)
        _spend(sandbox, token)
        return await handler(request)

    return admit


@web.middleware
async def working(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Takes the time that a `slow` rule dialled."""
    seconds = request.get(WORK_SECONDS, 0.0)
    if seconds:
        await asyncio.sleep(seconds)  # noqa: TID251 -- dialled slowness
    return await handler(request)


def _token(request: web.Request, sandbox: Sandbox) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or token not in sandbox.dials.notion_tokens:
        raise NotionProblem(401, "unauthorized")
    return token


def _check_version(request: web.Request) -> None:
    version = request.headers.get("Notion-Version")
    header = "Notion-Version header failed validation: Notion-Version header should be"
    if not version:
        raise NotionProblem(400, "missing_version", f"{header} defined, instead was `undefined`.")
    if version not in VERSIONS:
        known = " or ".join(f'`"{name}"`' for name in VERSIONS)
        raise invalid(f'{header} {known}, instead was `"{version}"`.')


def _spend(sandbox: Sandbox, token: str) -> None:
    limit = sandbox.dials.notion_requests_per_minute
    reading = sandbox.notion_windows.spend(token, limit=limit, now_ms=sandbox.clock.now_ms())
    if reading.is_over:
        reason = "public_api_request_rate_limit"
        raise NotionProblem(429, "rate_limited", retry_after=reading.reset_seconds, rate_limit_reason=reason)
