"""
The README's pictures of the console: `python -m tests.browser.screenshots docs/images` (needs the group `browser`).

The people are made up, and time is virtual: two weeks of a campaign take seconds.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from playwright.async_api import async_playwright

from common.domain.contact import Assessment
from common.domain.ids import DeliveryId, enrollment_id
from common.settings.settings import Settings
from common.store.embedded import EmbeddedStore
from services.simulation.engine import Simulation
from tests.browser.conftest import CHROMIUM
from tests.browser.virtual_console import beat, playing

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SETTINGS = Settings(secret_key="k" * 32, resend_api_key="re_none", sandboxed=frozenset({"notion"}), gateway_port=1)
NAMES = (
    *("Ada", "Boris", "Chen", "Dunya", "Emeka", "Farida", "Goran", "Hana"),
    *("Noor", "Idris", "Jana", "Kofi", "Lena", "Mateo", "Olga", "Priya"),
)
NOOR = enrollment_id("christmas_2025", "noor@harbourlight.example")
SHOTS = {"overview": ("/", 620), "person": (f"/people/{NOOR}", 1180)}
"""By name of the picture: the path of the page, and the height of the picture in pixels."""
WIDTH = 1280


async def play(simulation: Simulation) -> None:
    """For nine days, people sign up each day. Then two of them book a call, and one mail to one of these is skipped."""
    person = Assessment(email="", first_name="", assessment_score=38, timezone="America/Toronto", locale="en-CA")
    clock = simulation.clock
    await simulation.run(until_ms=clock.now_ms() + 14 * HOUR_MS)
    for number, name in enumerate(NAMES):
        await simulation.sign_up(
            replace(
                person,
                email=f"{name.lower()}@{'harbourlight' if name == 'Noor' else 'people'}.example",
                first_name=name,
                business_name="Harbour Light Bakery" if name == "Noor" else f"{name} & Co.",
                assessment_score=30 + 3 * number,
                red_systems=number % 3,
                orange_systems=number % 2,
                weakest_system_1="Cash flow",
                strongest_system="Team",
                revenue_leak_total=4_000 + 900 * number,
            )
        )
        await simulation.run(until_ms=clock.now_ms() + 13 * HOUR_MS)
    start_ms = (clock.now_ms() // DAY_MS + 4) * DAY_MS + 15 * HOUR_MS
    for name, hours, domain in (("Farida", 2, "people"), ("Noor", 0, "harbourlight")):
        address = f"{name.lower()}@{domain}.example"
        await simulation.book(address, start_ms + hours * HOUR_MS, uid=name, first_name=name)
    await simulation.run(until_ms=clock.now_ms() + 2 * HOUR_MS)
    await simulation.ledger.planned_deliveries.skip(
        DeliveryId(f"{NOOR}/step-4"),
        campaign="christmas_2025",
        reason="we spoke about it on the phone",
        by="sarah",
        now_ms=clock.now_ms(),
    )
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)


async def take(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as given:
        store = EmbeddedStore(Path(given))
        store.start()
        try:
            async with playing(store.url, Path(given)) as (simulation, context, url), async_playwright() as player:
                await play(simulation)
                browser = await player.chromium.launch(executable_path=CHROMIUM)
                for name, (path, height) in SHOTS.items():
                    page = await browser.new_page(base_url=url, viewport={"width": WIDTH, "height": height})
                    await beat(context)
                    await page.goto(path)
                    await page.screenshot(path=folder / f"{name}.png")
                await browser.close()
        finally:
            store.stop()


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
