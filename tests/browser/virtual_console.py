"""A console in virtual time, in one process, over a store that a test or a picture fills."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import redis.asyncio
from aiohttp import web

from common.campaigns.campaigns import Campaigns
from common.campaigns.loader import Campaign, load_campaign
from common.clock import VirtualClock
from common.ledger import keys
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from common.versions.played import PlayedVersions
from services.console.app import build_app, build_context
from services.console.context import ConsoleContext
from services.simulation.engine import Simulation

T = TypeVar("T")
SETTINGS = Settings(secret_key="k" * 32, resend_api_key="re_none", sandboxed=frozenset({"notion"}), gateway_port=1)
"""Settings of the simulation and of the console. No gateway listens on port 1."""


@asynccontextmanager
async def playing(store_url: str, folder: Path) -> AsyncIterator[tuple[Simulation, ConsoleContext, str]]:
    """Yield (simulation, context of a console over it, URL of that console)."""
    campaign: Campaign = load_campaign("christmas_2025")
    client: redis.asyncio.Redis = connect_async(store_url)
    simulation = Simulation(client, campaign, SETTINGS, clock=VirtualClock())
    settings = SETTINGS.model_copy(update={"data_dir": folder, "redis_url": store_url})
    campaigns = Campaigns(campaign)
    versions = PlayedVersions(campaigns, simulation.ledger, settings, simulation.clock)
    await versions.refresh()
    context = build_context(
        settings,
        clock=simulation.clock,
        ledger=simulation.ledger,
        campaign_name=campaign.name,
        campaigns=campaigns,
        versions=versions,
    )
    runner = web.AppRunner(build_app(context), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield simulation, context, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
    await client.aclose()


async def beat(context: ConsoleContext) -> None:
    """Record a worker's heartbeat by the store's clock, not the virtual one, and refresh what the next page shows."""
    client = context.ledger.client
    seconds, micros = await client.time()
    await client.delete(keys.HEARTBEATS)
    await client.zadd(keys.HEARTBEATS, {"worker-1": seconds * 1000 + micros // 1000})
    await context.people.refresh()
    context.status_cache.invalidate()


class VirtualConsole:
    """A console whose event loop runs in another thread, because the browser is driven without asyncio."""

    def __init__(self, simulation: Simulation, context: ConsoleContext, url: str) -> None:
        self.simulation, self.context, self.url = simulation, context, url
        self._loop = asyncio.get_running_loop()

    def run(self, given: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the console's loop, from another thread. Return its result."""
        return asyncio.run_coroutine_threadsafe(given, self._loop).result(timeout=60)

    def soon(self, ms: int = 1_000) -> None:
        """Let the workers do what is due in the next `ms`, then refresh what the next page shows."""
        self.run(self.simulation.run(until_ms=self.simulation.clock.now_ms() + ms))
        self.run(beat(self.context))


@contextmanager
def virtual_console() -> Iterator[VirtualConsole]:
    """Start a console with a store of its own, and stop both at the end."""
    ready, ends = threading.Event(), threading.Event()
    found: list[VirtualConsole] = []

    async def serve() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = EmbeddedStore(Path(folder))
            await asyncio.to_thread(store.start)
            try:
                async with playing(store.url, Path(folder)) as (simulation, context, url):
                    found.append(VirtualConsole(simulation, context, url))
                    ready.set()
                    await asyncio.to_thread(ends.wait)
            finally:
                store.stop()
                ready.set()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield found[0]
    finally:
        ends.set()
        thread.join()
