"""One person's page: found by address or id, and told as `advent contact` tells it."""

from __future__ import annotations

import pytest

from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger.pauses import Pause
from services.sandbox.simulation import Simulation
from tests.console.conftest import Console

ADA = enrollment_id("christmas_2025", "ada@example.org")


@pytest.fixture
async def signed_up(story: Simulation, ada: Assessment) -> Simulation:
    await story.signs_up(ada)
    await story.run(until_ms=story.clock.now_ms() + 1_000)
    return story


@pytest.mark.parametrize("who", ["ada@example.org", "  Ada@Example.ORG ", ADA])
async def test_a_person_is_found_and_no_url_names_them(console: Console, signed_up: Simulation, who: str) -> None:
    answer = await console.sends("/people", who=who)

    assert (answer.status, answer.goes_to) == (303, f"/people/{ADA}")


async def test_what_happened_and_what_is_next_is_told_in_order(console: Console, signed_up: Simulation) -> None:
    page = (await console.sees(f"/people/{ADA}")).text

    assert "<h1>Ada</h1>" in page
    words = ["signed up", "step 1 accepted", "step 2 planned", "step 7 planned"]
    assert sorted(words, key=page.index) == words
    assert "in 24 h" in page


async def test_a_pause_of_theirs_is_said(console: Console, signed_up: Simulation) -> None:
    said = Pause(since_ms=console.clock.now_ms(), by="sarah", reason="asked for it")
    await console.desk.ledger.pauses.start(ADA, said)

    assert "Paused since" in (await console.sees(f"/people/{ADA}")).text


@pytest.mark.parametrize("who", ["nobody@example.org", "<script>alert(1)</script>", "enr_aaaaaaaaaaaaaaaa", "ü" * 900])
async def test_a_stranger_is_404_and_nothing_of_them_is_believed(console: Console, who: str) -> None:
    answer = await console.sends("/people", who=who)

    assert answer.status == 404
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["enr_aaaaaaaaaaaaaaaa", "x", "enr_.."])
async def test_an_id_that_nobody_has_is_404(console: Console, path: str) -> None:
    assert (await console.sees(f"/people/{path}")).status == 404


async def test_names_are_text_and_never_markup(console: Console, story: Simulation) -> None:
    await story.signs_up(Assessment(email="x@example.org", first_name="<img src=x>", assessment_score=1))
    await story.run(until_ms=story.clock.now_ms() + 1_000)

    page = (await console.sees(f"/people/{enrollment_id('christmas_2025', 'x@example.org')}")).text

    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page
