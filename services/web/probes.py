"""`/health`, `/ready` and `/metrics`: what orchestrators, load balancers and Prometheus ask."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import redis
import redis.asyncio
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.clock import iso

PING_SECONDS_MAX = 1


def health_response(*, now_ms: int, **more: Any) -> web.Response:
    """`/health`: the process runs. 200, whatever its dependencies do; `more` are further members of the body."""
    return web.json_response({"status": "healthy", "timestamp": iso(now_ms), **more})


def ready_response(*, is_ready: bool, now_ms: int, dependencies: dict[str, Any], **more: Any) -> web.Response:
    """`/ready`: 200 when this process can do its work, 503 with `Retry-After` when it cannot."""
    body = {
        "status": "ready" if is_ready else "unavailable",
        "timestamp": iso(now_ms),
        "dependencies": dependencies,
        **more,
    }
    return web.json_response(body, status=200 if is_ready else 503, headers=None if is_ready else {"Retry-After": "5"})


async def store_status(client: redis.asyncio.Redis) -> Literal["up", "down"]:
    """Whether the store answers a PING within a second."""
    try:
        async with asyncio.timeout(PING_SECONDS_MAX):
            await client.ping()
    except (redis.RedisError, OSError):
        return "down"
    return "up"


def metrics_response() -> web.Response:
    """`/metrics`: the metrics of this process in Prometheus' text format."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
