"""A minimal HTTP client: one request on each connection, and no socket left open."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, *, timeout_s: float = 20
) -> Answer:
    """Send one request and return its answer. Raises OSError or http.client.HTTPException if there is none."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body, dict(headers or {}))
        with connection.getresponse() as answer:
            return Answer(answer.status, answer.read())
    finally:
        connection.close()


def status_of(url: str) -> int | None:
    """Return the status of a GET, or None if there is no answer."""
    try:
        return request("GET", url, timeout_s=2).status
    except (OSError, http.client.HTTPException):
        return None
