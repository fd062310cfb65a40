"""Answers that are JSON, byte for byte the same for the same content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web


def reply(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json")


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that changes nothing here, and why: whoever sent it did nothing wrong, and shall not send it again."""

    event: str
    message: str

    def response(self) -> web.Response:
        return reply(200, {"status": "ignored", "event": self.event, "message": self.message})
