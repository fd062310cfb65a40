"""
A response of JSON, written in one piece: status line, headers and body.

`aiohttp.web.Response` collects its headers in a dictionary, completes them and serializes them for every response; here
nearly all of them are the same each time and are serialized once for each status.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time
from pydantic_core import to_json

from services.web.security_headers import API_HEADERS


class JsonResponse(web.StreamResponse):
    """`body`: the JSON text. `request_id` is set before the response is written, by the middleware."""

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
        """Whether the connection stays open; aiohttp asks after the response is written."""
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
        """Nothing is left to write."""
        assert self._stream is not None
        await self._stream.write_eof()


def json_response(status: int, body: dict[str, Any]) -> JsonResponse:
    """The same bytes for the same `body`."""
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
