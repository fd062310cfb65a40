"""A simulation from start to end: made-up people sign up on a temporary store, and a report follows."""

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
from common.domain.booking import BookingEvent
from common.domain.cadence import Pace
from common.domain.contact import Assessment
from common.errors import Ambiguous, Failure, Transient
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from services.simulation.calls import HOUR_MS, CallEvent, SimulatedContact, Stop, phone_of, with_consent
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
    All people sign up within a day, for every campaign that is open, and nobody leaves.

    `edits`: other versions of the campaigns that are put in force meanwhile, ordered by time. `calls`: the share of
    people who book a call, see `SimulatedContact`. `faults`: the share of requests to the providers that fail, half of
    them after the acceptance.

    `burst`: how many sign up at the same time, on average, as they do after a newsletter. Their deliveries are then due
    at the same time and run concurrently. `part`, from 0: which of `parts` equal parts of the people this is. A seed
    makes the same people, who sign up at the same times, whatever the number of parts.
    """

    people: int
    seed: int
    burst: int = 32
    part: int = 0
    parts: int = 1
    edits: tuple[Edit, ...] = ()
    calls: float = 0.0
    faults: float = 0.0

    def divided(self, parts: int) -> list[Scenario]:
        return [replace(self, part=part, parts=parts) for part in range(parts)]

    @property
    def numbers(self) -> range:
        """The people of this part."""
        return range(self.part, self.people, self.parts)

    async def play(self, simulation: Simulation, switch: VersionSwitch | None = None) -> None:
        """Let all people sign up, make the edits with `switch`, and run the campaigns to their end."""
        started_ms, pace = simulation.clock.now_ms(), simulation.world.settings.pace
        if switch is not None:
            await switch.begin()
        self._fail_now_and_then(simulation)
        events: list[tuple[int, Assessment | Edit | CallEvent]] = []
        for at_ms, number, person in self._signups(started_ms, pace.divided(DAY_MS)):
            events.append((at_ms, person))
            events += self._calls(number, person, at_ms, pace)
        events += [(started_ms + pace.divided(edit.after_ms), edit) for edit in self.edits]
        for at_ms, together in groupby(sorted(events, key=itemgetter(0)), key=itemgetter(0)):
            await simulation.run(until_ms=at_ms)
            now = [one for _, one in together]
            people = [one for one in now if isinstance(one, Assessment)]
            for campaign in simulation.world.campaigns:
                await asyncio.gather(*(simulation.sign_up(person, campaign=campaign) for person in people))
            for one in now:
                await _play_event(simulation, switch, one)
        await simulation.run()

    def _signups(self, started_ms: int, day_ms: int) -> list[tuple[int, int, Assessment]]:
        """Return (time in ms, number, person) of each signup, ordered by time."""
        draw = Random(self.seed)
        bursts = [draw.randrange(max(1, day_ms)) for _ in range(max(1, self.people // self.burst))]
        signups = []
        for number in self.numbers:
            draw = Random(f"{self.seed}/{number}")
            after_ms, person = draw.choice(bursts), random_assessment(number, draw)
            person = replace(person, locale=draw.choice(_LOCALES), timezone=draw.choice(_ZONES))
            if self.calls:
                person = with_consent(person, phone_of(number), draw)
            signups.append((started_ms + after_ms, number, person))
        return sorted(signups, key=itemgetter(0))

    def _calls(self, number: int, person: Assessment, signed_up_ms: int, pace: Pace) -> list[tuple[int, CallEvent]]:
        draw = Random(f"{self.seed}/{number}/calls")
        if draw.random() >= self.calls:
            return []
        booked_ms = signed_up_ms + pace.divided(draw.randrange(HOUR_MS, 3 * DAY_MS))
        contact = SimulatedContact(
            person=person,
            number=number,
            now_ms=booked_ms,
            phone=phone_of(number),
            timezone=draw.choice(_ZONES),
            draw=draw,
            pace=pace,
        )
        return list(contact.events())

    def _fail_now_and_then(self, simulation: Simulation) -> None:
        if not self.faults:
            return
        draw = Random(f"{self.seed}/{self.part}/faults")
        kinds = (Ambiguous("read_timeout"), Transient("busy", status=500))

        def failure(_message: object) -> Failure | None:
            return draw.choice(kinds) if draw.random() < self.faults else None

        simulation.mailer.failure = simulation.texter.failure = failure
        simulation.texter.loses = lambda _text: draw.random() < 0.5


async def _play_event(simulation: Simulation, switch: VersionSwitch | None, one: Assessment | Edit | CallEvent) -> None:
    if isinstance(one, Edit):
        assert switch is not None, "edits need a switch"
        await switch.apply(one)
    elif isinstance(one, BookingEvent):
        await simulation.receive(one)
    elif isinstance(one, Stop):
        await simulation.answer_stop(one.number)


async def simulate(
    campaign: Campaign | Campaigns, settings: Settings, scenario: Scenario, *, progress: Progress | None = None
) -> Report:
    """Play a scenario on a temporary store, and report on it."""
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
            # This store is deleted at the end, so its writes need not wait for the disk.
            await client.config_set("appendonly", "no")
            yield client
        finally:
            await client.aclose()
            store.stop()


def random_assessment(number: int, draw: Random) -> Assessment:
    """Return a person who answered all questions or only the required ones; nobody owns example.com (RFC 2606)."""
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
