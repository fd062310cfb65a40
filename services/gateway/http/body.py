"""
Reads the body of a request within limits of size, time and content type, verifies a webhook's signature, and answers
with JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from pydantic_core import to_json

from services.gateway.context import GatewayContext
from services.gateway.signatures import CalcomSignatures, StandardSignatures
from services.web.client_address import request_source
from services.web.problem import FieldError, Problem
from services.web.rate_limit import retry_after
from services.web.security_headers import API_HEADERS

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
    """Return the body. Raises Problem: 413 when it is too long, 408 when too slow, 400 when its framing is broken."""
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
"""Failed verifications allowed to one source. Verified requests are not limited."""


async def read_verified(
    context: GatewayContext, request: web.BaseRequest, signatures: StandardSignatures | CalcomSignatures
) -> tuple[bytes, str | None, int]:
    """
    Return (the body, the sender's message id or None, the time of receipt in UTC ms).

    Raises Problem: 401 when the signature is wrong, 429 when it was wrong too often, and as `read_body` does.
    """
    body = await read_body(request)
    received_ms = context.clock.now_ms()
    # The sender's time is compared with this machine's clock: the store's may be wrong, or corrected only later.
    wall_ms = context.clock.wall_ms()
    verify = partial(signatures.verify, request.headers, body, now_ms=wall_ms)
    return body, verified(context, request, verify, now_ms=received_ms), received_ms


def verified(
    context: GatewayContext, request: web.BaseRequest, verify: Callable[[], Verified], *, now_ms: int
) -> Verified:
    """Return what `verify` returns. Raises its Problem, or Problem 429 when it failed too often for this source."""
    try:
        return verify()
    except Problem:
        _count_failure(context, request, now_ms=now_ms)
        raise


def invalid_fields(*errors: FieldError) -> Problem:
    """Return the Problem 422 that names every invalid field."""
    return Problem(422, "some fields are invalid", errors=errors)


def _count_failure(context: GatewayContext, request: web.BaseRequest, *, now_ms: int) -> None:
    source = request_source(request, context.settings.trusted_networks)
    wait_ms = context.failures.wait_ms(source, now_ms=now_ms)
    if wait_ms:
        detail = "too many requests from this address failed verification"
        raise Problem(429, detail, outcome="limited", headers=retry_after(wait_ms))
    context.failures.record_failure(source, now_ms=now_ms)


class JsonResponse(web.StreamResponse):
    """
    A JSON response, written in one piece: status line, headers and body.

    `aiohttp.web.Response` collects, completes and serializes its headers for every response. Here nearly all headers
    are the same each time, and are serialized only once for each status.

    `body`: the JSON text. `request_id`: set by the middleware before the response is written.
    """

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status=status)
        self.body = body
        self.request_id = ""
        self._stream: AbstractStreamWriter | None = None
        self._is_kept_alive: bool | None = None

    @property
    def prepared(self) -> bool:
        """Whether the response is written."""
        return self._stream is not None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open. aiohttp reads this after the response is written."""
        return self._is_kept_alive

    def force_close(self) -> None:
        """End the connection after this response."""
        self._is_kept_alive = False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write the whole response."""
        if self._is_kept_alive is None:
            self._is_kept_alive = request.keep_alive
        head = (
            f"{_constant_head(self.status)}X-Request-Id: {self.request_id}\r\nDate: {rfc822_formatted_time()}\r\n"
            f"Content-Length: {len(self.body)}\r\n{_connection(request, self._is_kept_alive)}\r\n"
        )
        self._stream = request.writer
        await request.writer.write(head.encode() + self.body)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """End the response, which `prepare` has written in full."""
        assert self._stream is not None
        await self._stream.write_eof()


def json_response(status: int, body: dict[str, Any]) -> JsonResponse:
    """Return a JSON response. The same `body` always gives the same bytes."""
    return JsonResponse(status, to_json(body))


@cache
def _constant_head(status: int) -> str:
    headers = {"Content-Type": "application/json", **API_HEADERS}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}"


def _connection(request: web.BaseRequest, is_kept_alive: bool) -> str:
    if is_kept_alive:
        return "Connection: keep-alive\r\n" if request.version == HttpVersion10 else ""
    return "Connection: close\r\n" if request.version == HttpVersion11 else ""
