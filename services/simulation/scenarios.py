"""Who signs up when in a simulation, and the whole of it: made-up people on a store of its own, then the report."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from random import Random

import redis.asyncio

from common.campaigns.campaigns import Campaigns
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from services.simulation.edits import Edit, VersionSwitch
from services.simulation.engine import Simulation
from services.simulation.report import Report, report_on

DAY_MS = 86_400_000
CONCURRENCY = 64
_FIRST_NAMES = ("Ada", "Boris", "Chen", "Dunya", "Emeka", "Farah", "Goran", "Hana", "Ivana", "Jonas")
_SYSTEMS = ("GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT", "front desk")

_LOCALES = (None, "en-CA", "fr", "fr-FR", "FR_ca", "de")
_ZONES = (None, "America/Toronto", "America/Vancouver", "Europe/Berlin", "Asia/Kolkata")

Progress = Callable[[int], None]
"""Called with the number of mails that were accepted so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    Everybody signs up within a day, for every campaign that is open, stays, and books nothing. `edits`: other versions
    of the campaigns that are put in force meanwhile, in the order of time.

    `burst`: how many sign up at the same time, on average, as they do after a newsletter. Their deliveries are then due
    at the same time and run concurrently. `part` of `parts`, counted from 0: only every so many of the people. The same
    seed makes the same people, who sign up at the same times, whatever the number of parts.
    """

    people: int
    seed: int
    burst: int = 32
    part: int = 0
    parts: int = 1
    edits: tuple[Edit, ...] = ()

    def divided(self, parts: int) -> list[Scenario]:
        return [replace(self, part=part, parts=parts) for part in range(parts)]

    @property
    def numbers(self) -> range:
        """The people of this part."""
        return range(self.part, self.people, self.parts)

    async def play(self, simulation: Simulation, switch: VersionSwitch | None = None) -> None:
        """Let everybody sign up, make the edits with `switch`, and run the campaigns to their end."""
        started_ms, pace = simulation.clock.now_ms(), simulation.world.settings.pace
        if switch is not None:
            await switch.begin()
        happens: list[tuple[int, Assessment | Edit]] = [*self._signups(pace.divided(DAY_MS))]
        happens += [(pace.divided(edit.after_ms), edit) for edit in self.edits]
        for after_ms, together in groupby(sorted(happens, key=itemgetter(0)), key=itemgetter(0)):
            await simulation.run(until_ms=started_ms + after_ms)
            now = [one for _, one in together]
            people = [one for one in now if isinstance(one, Assessment)]
            for campaign in simulation.world.campaigns:
                await asyncio.gather(*(simulation.sign_up(person, campaign=campaign) for person in people))
            for edit in (one for one in now if isinstance(one, Edit)):
                assert switch is not None, "edits need a switch"
                await switch.apply(edit)
        await simulation.run()

    def _signups(self, day_ms: int) -> list[tuple[int, Assessment]]:
        """When each person signs up, ms after the start, in this order."""
        draw = Random(self.seed)
        bursts = [draw.randrange(max(1, day_ms)) for _ in range(max(1, self.people // self.burst))]
        signups = []
        for number in self.numbers:
            draw = Random(f"{self.seed}/{number}")
            at_ms, person = draw.choice(bursts), random_assessment(number, draw)
            signups.append((at_ms, replace(person, locale=draw.choice(_LOCALES), timezone=draw.choice(_ZONES))))
        return sorted(signups, key=itemgetter(0))


async def simulate(
    campaign: Campaign | Campaigns, settings: Settings, scenario: Scenario, *, progress: Progress | None = None
) -> Report:
    """Play a scenario on a store of its own, of which nothing is kept."""
    async with _temporary_store() as client:
        simulation = Simulation(
            client, campaign, settings, clock=VirtualClock(), seed=scenario.seed, concurrency=CONCURRENCY
        )
        if progress is not None:
            simulation.after_jobs = lambda: progress(len(simulation.mailer.accepted_mails))
        if not scenario.edits:
            await scenario.play(simulation)
            return await report_on(simulation, people=len(scenario.numbers))
        with tempfile.TemporaryDirectory(prefix="advent-versions-") as folder:
            switch = VersionSwitch(simulation, Path(folder))
            await scenario.play(simulation, switch)
            return await report_on(simulation, people=len(scenario.numbers), history=switch.history)


@asynccontextmanager
async def _temporary_store() -> AsyncIterator[redis.asyncio.Redis]:
    with tempfile.TemporaryDirectory(prefix="advent-simulation-") as folder:
        store = EmbeddedStore(Path(folder))
        store.start()
        client = connect_async(store.url)
        try:
            # Nobody will read this store again, so its writes need not wait for the disk.
            await client.config_set("appendonly", "no")
            yield client
        finally:
            await client.aclose()
            store.stop()


def random_assessment(number: int, draw: Random) -> Assessment:
    """A person who answered all questions or only the required ones; nobody owns example.com (RFC 2606)."""
    red, orange, yellow = draw.randint(0, 3), draw.randint(0, 3), draw.randint(0, 2)
    is_complete = draw.random() < 0.7
    weakest, second, strongest = draw.sample(_SYSTEMS, 3)
    return Assessment(
        email=f"person{number}@example.com",
        first_name=draw.choice(_FIRST_NAMES),
        business_name="Salon Noir" if is_complete else None,
        assessment_score=draw.randint(0, 100),
        red_systems=red,
        orange_systems=orange,
        yellow_systems=yellow,
        green_systems=8 - red - orange - yellow,
        gps_score=draw.randint(0, 100) if is_complete else None,
        weakest_system_1=weakest if is_complete else None,
        weakest_system_2=second if is_complete else None,
        strongest_system=strongest if is_complete else None,
        revenue_leak_total=draw.randint(0, 60) * 500 if is_complete else None,
    )
