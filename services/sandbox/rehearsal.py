"""The whole campaign in a moment: made-up people, the real actors on a store of their own, and what came of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from services.sandbox.invariants import Played, violations
from services.sandbox.simulation import Simulation

HOUR_MS = 3_600_000
_NAMES = ("Ada", "Boris", "Chen", "Dunya", "Emeka", "Farah", "Goran", "Hana", "Ivana", "Jonas")
_SYSTEMS = ("GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT", "front desk")


@dataclass(frozen=True, slots=True)
class Report:
    """`sent`: accepted by the provider. `skipped`, `dead`: deliveries of that fate. `violations`: promises broken."""

    people: int
    sent: int
    skipped: int
    dead: int
    violations: list[str]


async def rehearse(campaign: Campaign, settings: Settings, *, people: int, seed: int) -> Report:
    """Everybody signs up within a day, stays, and books nothing. The same seed plays the same rehearsal."""
    with tempfile.TemporaryDirectory(prefix="advent-rehearsal-") as folder:
        store = EmbeddedStore(Path(folder))
        store.start()
        client = connect_async(store.url)
        try:
            clock = VirtualClock()
            simulation = Simulation(client, campaign, settings, clock=clock, seed=seed)
            await _play(simulation, people, Random(seed))
            return await _report(simulation, campaign, settings, people)
        finally:
            await client.aclose()
            store.stop()


async def _play(simulation: Simulation, people: int, draw: Random) -> None:
    day_ms = simulation.world.settings.pace.divided(24 * HOUR_MS)
    began_ms = simulation.clock.now_ms()
    for number, after_ms in enumerate(sorted(draw.randrange(max(1, day_ms)) for _ in range(people))):
        await simulation.run(until_ms=began_ms + after_ms)
        await simulation.signs_up(made_up(number, draw))
    await simulation.run()


def made_up(number: int, draw: Random) -> Assessment:
    """Somebody who may tell much or little; example.com is reserved, so the address is nobody's (RFC 2606)."""
    red, orange, yellow = draw.randint(0, 3), draw.randint(0, 3), draw.randint(0, 2)
    told = draw.random() < 0.7
    weakest, second, strongest = draw.sample(_SYSTEMS, 3)
    return Assessment(
        email=f"person{number}@example.com",
        first_name=draw.choice(_NAMES),
        business_name="Salon Noir" if told else None,
        assessment_score=draw.randint(0, 100),
        red_systems=red,
        orange_systems=orange,
        yellow_systems=yellow,
        green_systems=8 - red - orange - yellow,
        gps_score=draw.randint(0, 100) if told else None,
        weakest_system_1=weakest if told else None,
        weakest_system_2=second if told else None,
        strongest_system=strongest if told else None,
        revenue_leak_total=draw.randint(0, 60) * 500 if told else None,
    )


async def _report(simulation: Simulation, campaign: Campaign, settings: Settings, people: int) -> Report:
    ledger = simulation.ledger
    enrollments = [
        enrollment
        async for enrollment_id in ledger.enrollments.ids()
        if (enrollment := await ledger.enrollments.get(enrollment_id)) is not None
    ]
    cadence = campaign.cadence(settings.pace)
    played = Played(
        enrollments,
        simulation.post_office,
        simulation.board,
        steps=cadence.length,
        minimum_gap_ms=cadence.minimum_gap_ms,
    )
    fates = [enrollment.fate_of(step)[0] for enrollment in enrollments for step in range(1, cadence.length + 1)]
    missing = [f"nobody_is_lost: {people - len(enrollments)} people are unknown"] if len(enrollments) != people else []
    return Report(
        people=people,
        sent=sum(fate.is_sent for fate in fates),
        skipped=sum(fate == "skipped" for fate in fates),
        dead=sum(fate == "dead" for fate in fates),
        violations=missing + violations(played),
    )
