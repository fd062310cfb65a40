"""Fixtures: a console on loopback with a virtual clock, and an HTTP client that acts as its browser."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis.asyncio
from aiohttp import web
from multidict import CIMultiDictProxy

import common.campaigns
from common.campaigns.campaigns import Campaigns
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from common.versions.played import PlayedVersions
from services.console.app import build_app, build_context
from services.console.context import ConsoleContext
from services.simulation.engine import Simulation

TOKEN = "a token that only tests know"
SECRET_KEY = "k" * 32
FORM = re.compile(r'name="form_token" value="([0-9a-f]+)"')


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: CIMultiDictProxy[str]
    cookies: Any

    @property
    def form_token(self) -> str:
        found = FORM.search(self.text)
        assert found is not None, "the page has no form"
        return found.group(1)

    @property
    def location(self) -> str:
        return self.headers["Location"]


@dataclass
class Console:
    """A running console, and an HTTP client that acts as its browser."""

    url: str
    context: ConsoleContext
    clock: VirtualClock
    http: aiohttp.ClientSession
    app: web.Application
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "text/html"})

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        options.setdefault("allow_redirects", False)
        async with self.http.request(method, self.url + path, headers=headers, **options) as response:
            return Answer(response.status, await response.text(), response.headers, response.cookies)

    async def get(self, path: str = "/", **options: Any) -> Answer:
        """Discard the cached status, then send a GET request."""
        self.context.status_cache.invalidate()
        return await self.request("GET", path, **options)

    async def post(self, path: str, *, token: str | None = None, headers: Any = None, **fields: str) -> Answer:
        """Post a form, with the form token of the overview unless `token` is given."""
        if token is None:
            token = (await self.get("/")).form_token
        return await self.request("POST", path, data={"form_token": token, **fields}, headers=headers or {})

    async def log_in(self, token: str = TOKEN, **options: Any) -> Answer:
        page = await self.request("GET", "/login")
        return await self.request("POST", "/login", data={"form_token": page.form_token, "token": token}, **options)


async def beat(console: Console, *, silent_ms: int = 0) -> None:
    """Record the heartbeat of a worker."""
    seconds, micros = await console.context.ledger.client.time()
    await console.context.ledger.client.zadd(keys.HEARTBEATS, {"w1": seconds * 1000 + micros // 1000 - silent_ms})


OpenConsole = Callable[..., Awaitable[Console]]


@pytest.fixture
async def open_console(clock: VirtualClock, campaign: Campaign, tmp_path: Path) -> AsyncIterator[OpenConsole]:
    """`await open_console(store_url, console_token=…)` starts a console."""
    async with AsyncExitStack() as stack:

        async def open_one(store_url: str, *, is_versioned: bool = False, **given: Any) -> Console:
            """Start a console. `is_versioned`: put the campaign of the tests in force, as a first start does."""
            # No gateway listens on port 1.
            defaults = {"secret_key": SECRET_KEY, "data_dir": tmp_path, "gateway_port": 1, "redis_url": store_url}
            settings = Settings(**{**defaults, **given})
            client = connect_async(store_url)
            stack.push_async_callback(client.aclose)
            ledger = Ledger(
                client, campaign=campaign.key, cadence=campaign.cadence(settings.pace), secret_key=SECRET_KEY
            )
            campaigns = Campaigns(campaign)
            versions = PlayedVersions(campaigns, ledger, settings, clock) if is_versioned else None
            if versions is not None:
                await versions.refresh()
            context = build_context(
                settings,
                clock=clock,
                ledger=ledger,
                campaign_name=campaign.name,
                campaigns=campaigns,
                versions=versions,
            )
            app = build_app(context)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            jar = aiohttp.CookieJar(unsafe=True)
            http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
            return Console(f"http://127.0.0.1:{runner.addresses[0][1]}", context, clock, http, app)

        yield open_one


@pytest.fixture
async def console(open_console: OpenConsole, store_url: str) -> Console:
    """A console without a token, over the empty store."""
    return await open_console(store_url)


@pytest.fixture
async def guarded(open_console: OpenConsole, store_url: str) -> Console:
    """A console that requires a token; no user is logged in."""
    return await open_console(store_url, console_token=TOKEN)


@pytest.fixture
def simulation(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock) -> Simulation:
    """The real actors in virtual time, over the store of the console."""
    settings = Settings(secret_key=SECRET_KEY, sandboxed=frozenset({"resend", "notion"}))
    return Simulation(store, campaign, settings, clock=clock)


@pytest.fixture
def ada() -> Assessment:
    return Assessment(email="ada@example.org", first_name="Ada", assessment_score=38, red_systems=2)


@pytest.fixture
def own_store() -> Iterator[EmbeddedStore]:
    """A store that a test may stop and start."""
    with tempfile.TemporaryDirectory(prefix="console-") as folder:
        server = EmbeddedStore(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def edited_files(tmp_path: Path) -> Path:
    """Return a CAMPAIGNS_DIR in which the subject of the fifth mail has been changed."""
    folder = tmp_path / "campaigns_dir" / "christmas_2025"
    shutil.copytree(Path(common.campaigns.__file__).parent / "christmas_2025", folder)
    body = folder / "en-CA" / "emails" / "5-case-study.md"
    body.write_text(body.read_text().replace("subject: ", "subject: New: ", 1))
    return folder.parent
