"""Ten thousand false signups in a minute after three hundred real ones, with the real actors, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.signup_bounds import Bound
from common.ledger.reads.store_stats import read_store_stats
from common.settings.settings import SIGNUPS_PER_HOUR, SIGNUPS_PER_SOURCE_PER_HOUR, Settings
from services.simulation.engine import Simulation

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
OFFSETS_H = [0, 24, 72, 120, 168, 216, 264]
FALSE, AT_ONCE, REAL_BEFORE = 10_000, 250, 300


@pytest.fixture
def simulation(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock) -> Simulation:
    """A simulation with the signup limits of a campaign that mails strangers."""
    settings = Settings(
        secret_key="k" * 32,
        sandboxed=frozenset({"resend", "notion"}),
        signups_per_hour=SIGNUPS_PER_HOUR,
        signups_per_source_per_hour=SIGNUPS_PER_SOURCE_PER_HOUR,
    )
    return Simulation(store, campaign, settings, clock=clock, concurrency=8)


@pytest.mark.timeout(180)  # Simulates days of many contacts.
async def test_ten_thousand_false_signups_delay_nobody_and_one_command_clears_them(
    simulation: Simulation, ada: Assessment, clock: VirtualClock
) -> None:
    real: dict[str, int] = {}

    async def sign_up(*signups: tuple[str, str]) -> None:
        """Sign up each (name, visitor)."""
        people = [replace(ada, email=f"{name}@people.example") for name, _ in signups]
        visitors = [visitor for _, visitor in signups]
        answers = await asyncio.gather(*map(simulation.sign_up, people, visitors))
        assert {"accepted"} == {answer.answer for answer in answers}
        real.update({one.email: clock.now_ms() for one, by in zip(people, visitors, strict=True) if by != "flood"})

    for first in range(0, REAL_BEFORE, 10):
        await sign_up(*((f"before{number}", f"visitor{number}") for number in range(first, first + 10)))
        await simulation.run(until_ms=clock.now_ms() + MINUTE_MS // 30)
    for first in range(0, FALSE, AT_ONCE):
        await sign_up(*((f"false{number}", "flood") for number in range(first, first + AT_ONCE)))
        await sign_up((f"meanwhile{first}", f"other{first}"))
        await simulation.run(until_ms=clock.now_ms() + MINUTE_MS * AT_ONCE // FALSE)

    held = FALSE - SIGNUPS_PER_SOURCE_PER_HOUR
    assert {Bound.SOURCE: held} == (await read_store_stats(simulation.ledger, now_ms=clock.now_ms())).held_signups
    ids = [one.enrollment_id async for one in simulation.ledger.held_signups.read_all(visitor="flood")]
    assert held == await simulation.ledger.held_signups.discard(ids)

    await simulation.run()
    arrived: dict[str, list[float]] = {}
    for ms, mail in simulation.mailer.accepted_mails:
        if mail.to in real:
            arrived.setdefault(mail.to, []).append(round((ms - real[mail.to]) / HOUR_MS, 3))
    assert real.keys() == arrived.keys()
    assert [to for to, offsets in arrived.items() if offsets != OFFSETS_H] == []
    mailed = {mail.to for _, mail in simulation.mailer.accepted_mails} - real.keys()
    assert len(mailed) == SIGNUPS_PER_SOURCE_PER_HOUR
