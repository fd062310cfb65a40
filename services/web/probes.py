"""`/health`, `/ready` and `/metrics`: for orchestrators, load balancers and Prometheus."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.clock import iso
from common.store.refusals import find_refusal

ANSWER_SECONDS_MAX = 1


def health_response(*, now_ms: int, **more: Any) -> web.Response:
    """`/health`: the process runs. Always 200, whatever its dependencies do. `more`: further members of the body."""
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


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """`reason`: why the store refuses writes, and the cure; "" when it accepts them or does not answer at all."""

    takes_writes: bool
    allows_reads: bool
    reason: str = ""

    def as_json(self) -> dict[str, str]:
        status = {"status": "up" if self.takes_writes else "down"}
        return {**status, "reason": self.reason} if self.reason else status


async def store_status(client: redis.asyncio.Redis) -> StoreStatus:
    """Test within a second whether the store runs a script on our keys: it may refuse that and still answer PING."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            refusal = await find_refusal(client)
    except (redis.RedisError, OSError):
        return StoreStatus(takes_writes=False, allows_reads=False)
    if refusal is None:
        return StoreStatus(takes_writes=True, allows_reads=True)
    return StoreStatus(takes_writes=False, allows_reads=refusal.allows_reads, reason=refusal.line)


def metrics_response() -> web.Response:
    """`/metrics`: the metrics of this process in Prometheus' text format."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
