"""Held signups: shown with their reason, released or discarded by a click."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.contact import Assessment
from common.domain.enrollment import Status
from common.domain.ids import enrollment_id
from common.domain.signup_bounds import SignupBounds
from common.ledger.action_log import ActionFilter
from common.ledger.ledger import Ledger
from services.simulation.engine import Simulation
from tests.console.conftest import Console

BEN = enrollment_id("christmas_2025", "ben@example.org")


@pytest.fixture(autouse=True)
async def held(simulation: Simulation, ada: Assessment) -> Ledger:
    """Ada's signup was accepted; those of Ben, Cleo and Dora, from the same visitor, are held."""
    ledger = Ledger(
        simulation.ledger.client,
        campaign="christmas_2025",
        cadence=simulation.ledger.cadence,
        secret_key="k" * 32,
        signup_bounds=SignupBounds(per_source=1),
    )
    for number, name in enumerate(("ada", "ben", "cleo", "dora")):
        person = replace(ada, email=f"{name}@example.org", first_name=name.title())
        now_ms = simulation.clock.now_ms() + number
        await ledger.signups.accept(person, webhook_id=f"signup:{name}", received_ms=now_ms, visitor="<v1>")
    return ledger


async def left(ledger: Ledger) -> list[str]:
    return [one.first_name async for one in ledger.held_signups.read_all()]


async def test_held_signups_are_shown_with_reason_and_visitor(console: Console) -> None:
    page = (await console.get("/held-signups")).text

    assert "3 held signups" in page
    assert f'<a href="/people/{BEN}">ben@example.org</a> Ben' in page
    assert "beyond SIGNUPS_PER_SOURCE_PER_HOUR of one visitor" in page
    assert "visitor <code>&lt;v1&gt;</code>" in page
    assert "3 signups are held" in (await console.get("/")).text


async def test_held_signup_is_released(console: Console, held: Ledger) -> None:
    answer = await console.post("/held-signups/release", enrollment=BEN)

    assert (answer.status, answer.headers["Location"]) == (303, "/held-signups?released=1")
    assert await left(held) == ["Cleo", "Dora"]
    known = await held.enrollments.get(BEN)
    assert known is not None
    assert Status.ACCEPTED is known.status
    assert "1 signup released" in (await console.get("/held-signups?released=1")).text


async def test_held_signups_of_one_visitor_are_discarded(console: Console, held: Ledger) -> None:
    await console.post("/held-signups/discard", visitor="another")
    assert len(await left(held)) == 3

    await console.post("/held-signups/discard", visitor="<v1>")

    assert await left(held) == []
    assert "None." in (await console.get("/held-signups")).text


async def test_all_held_signups_are_released(console: Console, held: Ledger) -> None:
    await console.post("/held-signups/release", enrollment="*")

    assert await left(held) == []


async def test_second_click_on_a_held_signup_changes_and_logs_nothing(console: Console, held: Ledger) -> None:
    await console.post("/held-signups/release", enrollment=BEN)
    again = await console.post("/held-signups/release", enrollment=BEN)

    assert again.headers["Location"] == "/held-signups?released=0"
    assert len(await held.action_log.newest(ActionFilter())) == 1


async def test_held_signups_form_without_a_choice_is_refused(console: Console, held: Ledger) -> None:
    assert (await console.post("/held-signups/discard")).status == 400
    assert len(await left(held)) == 3
