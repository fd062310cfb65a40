"""A sandbox on a free port, with a virtual clock and generous rate limits."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import resend
from aiohttp.test_utils import TestServer
from notion_client import AsyncClient

from common.clock import VirtualClock
from services.sandbox.app import PAGE_STORE, build_app
from services.sandbox.ids import API_KEY, NOTION_TOKEN
from services.sandbox.notion.page_store import PageStore
from services.sandbox.state import Sandbox, open_sandbox

GENEROUS = {"resend_requests_per_second": 10_000, "notion_requests_per_minute": 100_000}


@dataclass(kw_only=True)
class RunningSandbox:
    url: str
    sandbox: Sandbox
    page_store: PageStore
    clock: VirtualClock
    http: aiohttp.ClientSession

    @property
    def resend_url(self) -> str:
        return f"{self.url}/resend"

    @property
    def notion_url(self) -> str:
        return f"{self.url}/notion"

    async def json(self, path: str) -> Any:
        async with self.http.get(self.url + path) as answer:
            assert answer.status == 200
            return await answer.json()

    async def put(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.http.put(self.url + path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async def resend(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Send a request to Resend, with the key unless `authorization` is given. Return (status, body, headers)."""
        sent = {"authorization": f"Bearer {API_KEY}"} | _spelled(headers)
        async with self.http.request(method, self.resend_url + path, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    async def notion(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        """Send a request to Notion, with the token unless `authorization` is given. Return (status, body, headers)."""
        sent = {"authorization": f"Bearer {NOTION_TOKEN}", "notion-version": "2025-09-03"}
        sent = {name: value for name, value in (sent | _spelled(headers)).items() if value}
        async with self.http.request(method, f"{self.notion_url}/v1{path}", json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers


@asynccontextmanager
async def running(directory: Path | None = None, **given: Any) -> AsyncIterator[RunningSandbox]:
    clock = given.pop("clock", None) or VirtualClock()
    sandbox = open_sandbox(directory, clock=clock, **given)
    sandbox.board.change(GENEROUS)
    try:
        app = build_app(sandbox)
        async with TestServer(app) as server, aiohttp.ClientSession() as http:
            url = str(server.make_url("")).rstrip("/")
            yield RunningSandbox(url=url, sandbox=sandbox, page_store=app[PAGE_STORE], clock=clock, http=http)
    finally:
        sandbox.close()


@asynccontextmanager
async def notion_sdk(run: RunningSandbox, **options: Any) -> AsyncIterator[AsyncClient]:
    """Yield the real SDK, without retries because the tests count requests."""
    settings = {"auth": NOTION_TOKEN, "retry": False, "timeout_ms": 5_000, **options}
    # Loading the machine's certificates takes longer than a test does, and nothing here is encrypted.
    inner, logger = httpx.AsyncClient(verify=False, trust_env=False), logging.getLogger("notion_client.test")
    client = AsyncClient(client=inner, base_url=run.notion_url, logger=logger, **settings)
    try:
        yield client
    finally:
        await client.aclose()


def resend_sdk_at(run: RunningSandbox, patch: pytest.MonkeyPatch) -> None:
    """Point Resend's SDK here. Its key, address and client are global to the process; other tests may have set them."""
    patch.setattr(resend, "api_key", API_KEY)
    patch.setattr(resend, "api_url", run.resend_url)
    patch.setattr(resend, "default_async_http_client", resend.HTTPXClient(timeout=60))


def _spelled(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
