"""A rehearsal plays everybody to the end, the same way for the same seed, and its invariants see what is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.campaigns.loader import load_campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.settings.settings import Settings
from services.cli.main import advent
from services.sandbox.invariants import INVARIANTS, Played, violations
from services.sandbox.rehearsal import rehearse
from services.sandbox.simulation import Simulation

SETTINGS = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))


@pytest.mark.timeout(120)
async def test_everybody_gets_seven_mails_and_no_promise_is_broken():
    report = await rehearse(load_campaign("christmas_2025"), SETTINGS, people=12, seed=3)

    assert (report.people, report.sent, report.skipped, report.dead, report.violations) == (12, 84, 0, 0, [])
    assert report == await rehearse(load_campaign("christmas_2025"), SETTINGS, people=12, seed=3)


@pytest.mark.timeout(120)
def test_the_command_prints_json_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(advent, ["simulate", "--people", "3", "--seed", "5", "--json"], standalone_mode=False)

    assert json.loads(answer.stdout) == {"people": 3, "sent": 21, "skipped": 0, "dead": 0, "violations": []}


def test_the_preview_shows_every_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(advent, ["preview", "--into", "pages"], standalone_mode=False)

    index = (tmp_path / "pages" / "index.html").read_text()
    pages = sorted((tmp_path / "pages").glob("*.html"))
    assert all(page.name in index for page in pages if page.name != "index.html")
    assert len(pages) - 1 == len(list((tmp_path / "pages").glob("*.txt"))) > 40


@pytest.fixture
async def played(store) -> Played:
    campaign = load_campaign("christmas_2025")
    simulation = Simulation(store, campaign, SETTINGS, clock=VirtualClock())
    await simulation.signs_up(Assessment(email="ada@example.org", first_name="Ada", assessment_score=50))
    await simulation.run()
    [row] = simulation.board.rows.values()
    enrollment = await simulation.ledger.enrollments.get(row.id)
    assert enrollment is not None
    cadence = campaign.cadence(SETTINGS.pace)
    return Played([enrollment], simulation.post_office, simulation.board, 7, cadence.minimum_gap_ms)


async def test_a_rehearsal_that_kept_its_promises_has_no_violation(played: Played):
    assert violations(played) == []


async def test_each_invariant_sees_what_it_is_for(played: Played):
    [ada] = played.enrollments
    records = dict(ada.records)
    broken = [
        replace(played, enrollments=[replace(ada, records={})]),
        replace(played, minimum_gap_ms=100 * 24 * 3_600_000),
        replace(played, enrollments=[replace(ada, revision=ada.revision + 1)]),
        replace(
            played,
            enrollments=[replace(ada, records=records | {3: replace(records[3], fate=DeliveryStatus.DEAD, detail="")})],
        ),
    ]
    told = {line.split(":")[0] for each in broken for line in violations(each)}
    key, [mail] = next(iter(played.post_office.accepted.items()))
    played.post_office.accepted[key] = [mail, mail]
    told |= {line.split(":")[0] for line in violations(played)}

    assert told == {promise.__name__ for promise in INVARIANTS}
