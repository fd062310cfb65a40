"""Reading a request's body: so much, in so much time, of this kind and no other."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.gateway.problem import Problem

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS_MAX = 10


def require_json(request: web.Request) -> None:
    """Raises Problem 415 unless the body says it is JSON in UTF-8, uncompressed."""
    kind = request.headers.get("Content-Type", "")
    if kind != "application/json" and not _is_json(kind, request):
        raise Problem(415, "the content type must be application/json")
    if "Content-Encoding" in request.headers:
        raise Problem(415, "the body must not be compressed: the signature is over what is sent")


def _is_json(kind: str, request: web.Request) -> bool:
    media = kind.partition(";")[0].strip().lower()
    named = media == "application/json" or (media.startswith("application/") and media.endswith("+json"))
    return named and (request.charset or "utf-8").lower() in ("utf-8", "utf8", "us-ascii")


async def read_body(request: web.Request) -> bytes:
    """The whole body. Raises Problem: 413 when too long, 408 when too slow, 400 when its framing is broken."""
    if request.content.is_eof():
        return await _read(request)  # It came with the headers, as most do: no need for a timer.
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await _read(request)
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {BODY_SECONDS_MAX} s", close=True) from None


async def _read(request: web.Request) -> bytes:
    try:
        # What is here already is taken as it is; `request.read` would go about it in pieces.
        body = request.content.read_nowait() if request.content.is_eof() else await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large() from None
    except web.RequestPayloadError:
        raise Problem(400, "the body's transfer encoding is broken", close=True) from None
    except ConnectionError:
        raise Problem(400, "the connection closed before the body was complete", close=True) from None
    if len(body) > BODY_BYTES_MAX:
        raise too_large()
    return body


def too_large() -> Problem:
    return Problem(413, f"the body must be at most {BODY_BYTES_MAX} bytes", close=True)
