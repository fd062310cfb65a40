"""Reads the body of a request within limits of size, time and content type, and verifies a webhook's signature."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from aiohttp import web

from services.gateway.context import GatewayContext
from services.gateway.signatures import CalcomSignatures, StandardSignatures
from services.web.client_address import request_source
from services.web.problem import FieldError, Problem
from services.web.rate_limit import retry_after

Verified = TypeVar("Verified")

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10


def require_json(request: web.BaseRequest) -> None:
    """Raises Problem 415 unless the content type is JSON in UTF-8 and the body is not compressed."""
    content_type = request.headers.get("Content-Type", "")
    if content_type != "application/json" and not _is_json(content_type, request):
        raise Problem(415, "the content type must be application/json")
    if "Content-Encoding" in request.headers:
        raise Problem(415, "the body must not be compressed: the signature covers the body as sent")


def _is_json(content_type: str, request: web.BaseRequest) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    is_named = media == "application/json" or (media.startswith("application/") and media.endswith("+json"))
    return is_named and (request.charset or "utf-8").lower() in ("utf-8", "utf8", "us-ascii")


async def read_body(request: web.BaseRequest) -> bytes:
    """The whole body. Raises Problem: 413 when it is too long, 408 when too slow, 400 when its framing is broken."""
    if request.content.is_eof():
        return await _read(request)  # It arrived with the headers, as most do: no timer is needed.
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise _too_long()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await _read(request)
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {BODY_SECONDS_MAX} s", close=True) from None


async def _read(request: web.BaseRequest) -> bytes:
    try:
        # `request.read` would assemble the body piece by piece, although it is all there.
        body = request.content.read_nowait() if request.content.is_eof() else await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_long() from None
    except web.RequestPayloadError:
        raise Problem(400, "the body's transfer encoding is broken", close=True) from None
    except ConnectionError:
        raise Problem(400, "the connection closed before the body was complete", close=True) from None
    if len(body) > BODY_BYTES_MAX:
        raise _too_long()
    return body


def _too_long() -> Problem:
    return Problem(413, f"the body must be at most {BODY_BYTES_MAX} bytes", close=True)


FAILURES_PER_MINUTE = 120
"""Failed verifications of one source. Verified requests are not limited, whatever their source."""


async def read_verified(
    context: GatewayContext, request: web.BaseRequest, signatures: StandardSignatures | CalcomSignatures
) -> tuple[bytes, str | None, int]:
    """
    The body, the sender's message id (None when it sends none), and when the request was received, in UTC ms.

    Raises Problem: 401 when the signature is wrong, 429 when it was wrong too often, and those of `read_body`.
    """
    body = await read_body(request)
    received_ms = context.clock.now_ms()
    # The sender's clock is compared with this machine's: the store's may be wrong, or corrected only later.
    wall_ms = context.clock.wall_ms()
    verify = partial(signatures.verify, request.headers, body, now_ms=wall_ms)
    return body, verified(context, request, verify, now_ms=received_ms), received_ms


def verified(
    context: GatewayContext, request: web.BaseRequest, verify: Callable[[], Verified], *, now_ms: int
) -> Verified:
    """What `verify` returns. Raises its Problem, or 429 when it failed too often for this source."""
    try:
        return verify()
    except Problem:
        _count_failure(context, request, now_ms=now_ms)
        raise


def invalid_fields(*errors: FieldError) -> Problem:
    """The 422 that names every invalid field."""
    return Problem(422, "some fields are invalid", errors=errors)


def _count_failure(context: GatewayContext, request: web.BaseRequest, *, now_ms: int) -> None:
    source = request_source(request, context.settings.trusted_networks)
    wait_ms = context.failures.wait_ms(source, now_ms=now_ms)
    if wait_ms:
        detail = "too many requests from this address failed verification"
        raise Problem(429, detail, outcome="limited", headers=retry_after(wait_ms))
    context.failures.record_failure(source, now_ms=now_ms)
