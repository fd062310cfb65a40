"""A gateway on loopback with a virtual clock, and a client that signs its requests as the website does."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis.asyncio
import structlog
from multidict import CIMultiDictProxy
from standardwebhooks import Webhook

from common.campaigns.campaigns import Campaigns
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.cadence import Pace
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from services.gateway.app import build_context, build_server
from services.gateway.context import GatewayContext
from services.gateway.store_availability import limit_answer_time
from services.web.server import Server

SIGNUP = "/webhook/christmas-signup"
SECRET_KEY = "k" * 32


def secret(letter: str = "a") -> str:
    return "whsec_" + base64.b64encode(letter.encode() * 31 + b".").decode()


def person(name: str = "ada", **fields: Any) -> dict[str, Any]:
    return {"email": f"{name}@example.org", "first_name": name.title(), "assessment_score": 42, **fields}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: CIMultiDictProxy[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """The invalid fields, each once."""
        return list(dict.fromkeys(error["field"] for error in self.json["errors"]))


@dataclass
class Gateway:
    """A running gateway and its client."""

    url: str
    context: GatewayContext
    clock: VirtualClock
    server: Server
    http: aiohttp.ClientSession
    store: redis.asyncio.Redis
    secret: str = field(default_factory=secret)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def headers(self, body: bytes, *, id: str | None = None, at_s: int | None = None, by: str = "") -> dict[str, str]:
        """Return the headers of a request that is signed by the package that the website uses."""
        seconds = self.clock.now_ms() // 1000 if at_s is None else at_s
        message_id = id or f"auto_{next(self.numbers)}"
        signature = Webhook(by or self.secret).sign(message_id, datetime.fromtimestamp(seconds, UTC), body.decode())
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature,
            "content-type": "application/json",
        }

    async def sign_up(self, who: dict[str, Any], *, id: str | None = None) -> Answer:
        return await self.post(json.dumps(who).encode(), id=id)

    async def post(self, body: bytes, *, id: str | None = None, **headers: str) -> Answer:
        """Post a signed body; `content_type="…"` replaces that header, and so on."""
        signed = self.headers(body, id=id)
        replaced = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.request("POST", SIGNUP, data=body, headers={**signed, **replaced})

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self.http.request(method, self.url + path, **options) as response:
            return Answer(response.status, await response.read(), response.headers)

    async def wait_until_replayed(self) -> None:
        """Wait until the ledger has every spooled event."""
        async with asyncio.timeout(60):
            while self.context.intake.spool.events or self.context.intake.store.is_away:
                await asyncio.sleep(0.01)

    async def key_count(self) -> int:
        """Count the keys in the store, except those that every gateway writes: fingerprint, format, versions."""
        campaign = self.context.intake.ledger.campaign
        own = (keys.SECRET_KEY, keys.FORMAT, keys.IN_FORCE, keys.versions(campaign), keys.version_log(campaign))
        both = await self.store.pipeline(transaction=True).dbsize().exists(*own).execute()
        return int(both[0]) - int(both[1])


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        yield Path(name)


OpenGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def open_gateway(clock: VirtualClock, folder: Path, campaign: Campaign) -> AsyncIterator[OpenGateway]:
    """`await open_gateway(store_url, webhook_secret=…)` starts another gateway over the same folder."""
    async with AsyncExitStack() as stack:

        async def open_one(
            store_url: str,
            *,
            answer_s: float = 2,
            clock: Any = clock,
            campaigns: Campaigns = Campaigns(campaign),  # noqa: B008 -- immutable
            **settings: Any,
        ) -> Gateway:
            given: dict[str, Any] = {"webhook_secret": secret(), "secret_key": SECRET_KEY, "data_dir": folder}
            client = limit_answer_time(connect_async(store_url), seconds_max=answer_s)
            ledger = Ledger.of(client, campaigns.terms(Pace()), secret_key=SECRET_KEY)
            context = build_context(Settings(**given | settings), clock=clock, ledger=ledger, campaigns=campaigns)
            server = build_server(context)
            port = await server.start("127.0.0.1", 0)
            http = await stack.enter_async_context(aiohttp.ClientSession())
            stack.push_async_callback(client.aclose)
            stack.push_async_callback(server.stop)
            return Gateway(f"http://127.0.0.1:{port}", context, clock, server, http, client)

        yield open_one


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    """A gateway over the empty store."""
    return await open_gateway(store_url)


@pytest.fixture
def own_store(folder: Path) -> Iterator[EmbeddedStore]:
    """A store that a test may stop and start."""
    server = EmbeddedStore(folder / "store")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def json_logs() -> Iterator[None]:
    """Logs as in production: JSON, INFO and above."""
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    yield
    structlog.configure(**before)
