"""A simulation plays everybody to the end, the same way for the same seed, and its invariants find what is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.windows import Window
from common.settings.settings import Settings
from services.cli.main import advent
from services.simulation.engine import Simulation
from services.simulation.invariants import INVARIANTS, FinishedRun, violations
from services.simulation.processes import simulate_in_processes
from services.simulation.scenarios import Scenario, simulate

SETTINGS = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))


async def test_everybody_gets_seven_mails_and_no_promise_is_broken(campaign: Campaign):
    report = await simulate(campaign, SETTINGS, Scenario(people=12, seed=3))

    assert (report.people, report.sent, report.skipped, report.dead, report.violations) == (12, 84, 0, 0, [])
    assert report == await simulate(campaign, SETTINGS, Scenario(people=12, seed=3))


async def test_the_same_seed_makes_the_same_people_at_the_same_times(store, campaign: Campaign):
    async def signups(seed: int) -> list[tuple[str, int, int]]:
        await store.flushall()
        simulation = Simulation(store, campaign, SETTINGS, clock=VirtualClock(), concurrency=4)
        await Scenario(people=9, seed=seed, burst=3).play(simulation)
        firsts = [(ms, mail) for ms, mail in simulation.mailer.accepted_mails if mail.tags["step"] == "step-1"]
        return sorted((mail.to, ms, len(mail.html)) for ms, mail in firsts)

    once = await signups(4)

    assert once == await signups(4)
    assert once != await signups(5)


@pytest.mark.timeout(120)
def test_two_processes_report_the_same_as_one_and_tell_how_far_they_are():
    seen: list[int] = []
    scenario = Scenario(people=7, seed=2)
    report = simulate_in_processes(SETTINGS, scenario, progress=seen.append, processes=2)

    assert (report.people, report.sent, report.violations) == (7, 49, [])
    assert report == simulate_in_processes(SETTINGS, scenario, progress=lambda _mails: None, processes=1)
    assert seen == sorted(seen)
    assert seen[-1] == 49


@pytest.mark.timeout(120)
def test_the_command_prints_json_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(advent, ["simulate", "--people", "3", "--seed", "5", "--json"], standalone_mode=False)

    assert json.loads(result.stdout) == {"people": 3, "sent": 21, "skipped": 0, "dead": 0, "violations": []}
    assert result.stderr == ""


@pytest.fixture
async def run(store, campaign: Campaign) -> FinishedRun:
    simulation = Simulation(store, campaign, SETTINGS, clock=VirtualClock())
    await simulation.sign_up(Assessment(email="ada@example.org", first_name="Ada", assessment_score=50))
    await simulation.run()
    [row] = simulation.mirror.rows.values()
    enrollment = await simulation.ledger.enrollments.get(row.id)
    assert enrollment is not None
    cadence = campaign.cadence(SETTINGS.pace)
    return FinishedRun([enrollment], simulation.mailer, simulation.mirror, 7, cadence.minimum_gap_ms)


async def test_a_run_that_kept_its_promises_has_no_violation(run: FinishedRun):
    assert violations(run) == []


async def test_each_invariant_finds_what_it_is_for(run: FinishedRun):
    [ada] = run.enrollments
    records = dict(ada.records)
    broken = [
        replace(run, enrollments=[replace(ada, records={})]),
        replace(run, minimum_gap_ms=100 * 24 * 3_600_000),
        replace(run, enrollments=[replace(ada, revision=ada.revision + 1)]),
        replace(run, enrollments=[ada, replace(ada, campaign="another")], minimum_gap_ms=1),
        replace(run, windows={ada.campaign: (Window(opens_minute=0, closes_minute=1), ZoneInfo("UTC"))}),
        replace(
            run,
            enrollments=[
                replace(ada, records=records | {3: replace(records[3], final_status=DeliveryStatus.DEAD, detail="")})
            ],
        ),
    ]
    found = {line.split(":")[0] for each in broken for line in violations(each)}
    key, [mail] = next(iter(run.mailer.accepted_by_key.items()))
    run.mailer.accepted_by_key[key] = [mail, mail]
    found |= {line.split(":")[0] for line in violations(run)}

    assert found == {promise.__name__ for promise in INVARIANTS}
