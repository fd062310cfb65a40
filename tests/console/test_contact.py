"""The page of one contact: found by address or id, with the same facts as `advent contact`."""

from __future__ import annotations

import pytest

from common.domain.contact import Assessment, Consent
from common.domain.ids import enrollment_id
from common.ledger.pauses import Pause
from services.simulation.engine import Simulation
from tests.console.conftest import Console

ADA = enrollment_id("christmas_2025", "ada@example.org")


@pytest.fixture
async def signed_up(simulation: Simulation, ada: Assessment) -> Simulation:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    return simulation


@pytest.mark.parametrize("who", ["ada@example.org", "  Ada@Example.ORG ", ADA])
async def test_a_contact_is_found_and_the_url_holds_no_address(
    console: Console, signed_up: Simulation, who: str
) -> None:
    answer = await console.post("/people", who=who)

    assert (answer.status, answer.location) == (303, f"/people/{ADA}")


async def test_what_happened_and_what_is_next_is_shown_in_order(console: Console, signed_up: Simulation) -> None:
    page = (await console.get(f"/people/{ADA}")).text

    assert "<h1>Ada</h1>" in page
    words = ["signed up", "step 1 accepted", "step 2 planned", "step 7 planned"]
    assert sorted(words, key=page.index) == words
    assert "in 24 h" in page


async def test_a_pause_of_the_contact_is_shown(console: Console, signed_up: Simulation) -> None:
    output = Pause(since_ms=console.clock.now_ms(), by="sarah", reason="asked for it")
    await console.context.ledger.pauses.start(ADA, output)

    assert "Paused since" in (await console.get(f"/people/{ADA}")).text


async def test_the_consent_they_gave_is_shown(console: Console, simulation: Simulation) -> None:
    consent = Consent(text="I <agree>", source="https://site.example/quiz", at_ms=console.clock.now_ms())
    await simulation.sign_up(Assessment(email="ada@example.org", first_name="Ada", assessment_score=1, consent=consent))
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    page = (await console.get(f"/people/{ADA}")).text

    assert "Consent: I &lt;agree&gt; · https://site.example/quiz · <time" in page


@pytest.mark.parametrize("who", ["nobody@example.org", "<script>alert(1)</script>", "enr_aaaaaaaaaaaaaaaa", "ü" * 900])
async def test_an_unknown_contact_is_404_and_the_query_is_escaped(console: Console, who: str) -> None:
    answer = await console.post("/people", who=who)

    assert answer.status == 404
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["enr_aaaaaaaaaaaaaaaa", "x", "enr_.."])
async def test_an_unknown_id_is_404(console: Console, path: str) -> None:
    assert (await console.get(f"/people/{path}")).status == 404


async def test_names_are_text_and_never_markup(console: Console, simulation: Simulation) -> None:
    await simulation.sign_up(Assessment(email="x@example.org", first_name="<img src=x>", assessment_score=1))
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    page = (await console.get(f"/people/{enrollment_id('christmas_2025', 'x@example.org')}")).text

    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page
