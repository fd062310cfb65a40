"""A simulation plays everybody to the end, the same way for the same seed, and its invariants find what is broken."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from common.campaigns import loader
from common.campaigns.campaigns import load_campaigns
from common.campaigns.errors import CampaignError
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.windows import Window
from common.settings.settings import Settings
from services.cli.main import advent
from services.simulation.edits import Edit, in_force_of, read_edits
from services.simulation.engine import Simulation
from services.simulation.invariants import INVARIANTS, FinishedRun, violations
from services.simulation.processes import simulate_in_processes
from services.simulation.scenarios import Scenario, simulate
from tests.versions import edits

DAY_MS = 24 * 3_600_000
PACKAGED = Path(loader.__file__).parent
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
    history = {campaign.key: [in_force_of(campaign, SETTINGS.pace)]}
    return FinishedRun([enrollment], simulation.mailer, simulation.mirror, history)


async def test_a_run_that_kept_its_promises_has_no_violation(run: FinishedRun):
    assert violations(run) == []


def broken_by(run: FinishedRun, **changes: Any) -> set[str]:
    """The promises that are broken, had another version been in force."""
    [(key, [version])] = run.history.items()
    return broken(replace(run, history={key: [replace(version, **changes)]}))


def broken(run: FinishedRun) -> set[str]:
    return {line.split(":")[0] for line in violations(run)}


async def test_each_invariant_finds_what_it_is_for(run: FinishedRun):
    [ada] = run.enrollments
    [version] = run.history[ada.campaign]
    records, cadence = dict(ada.records), version.cadence
    without_text = replace(records[3], final_status=DeliveryStatus.DEAD, detail="")
    another = {**run.history, "another": [version]}
    found = {
        *broken(replace(run, enrollments=[replace(ada, records={})])),
        *broken(replace(run, enrollments=[replace(ada, revision=ada.revision + 1)])),
        *broken(replace(run, enrollments=[ada, replace(ada, campaign="another")], history=another)),
        *broken(replace(run, enrollments=[replace(ada, records=records | {3: without_text})])),
        *broken_by(run, cadence=replace(cadence, minimum_gap_ms=100 * DAY_MS)),
        *broken_by(run, window=(Window(opens_minute=0, closes_minute=1), ZoneInfo("UTC"))),
    }
    [(accepted_as, [mail]), *_] = run.mailer.accepted_by_key.items()
    run.mailer.accepted_by_key[accepted_as] = [mail, mail]

    assert found | broken(run) == {promise.__name__ for promise in INVARIANTS} - OF_VERSIONS


OF_VERSIONS = {
    "a_mail_is_in_one_language",
    "a_step_follows_the_one_it_needs",
    "a_step_goes_on_its_day_or_later",
    "a_new_step_is_not_sent_late",
    "nobody_reads_a_text_twice",
}


async def test_a_mail_in_another_language_or_in_two_is_found(run: FinishedRun):
    [ada] = run.enrollments
    french = replace(run, enrollments=[replace(ada, language="fr-CA")])
    at_ms, mail = run.mailer.accepted_mails[2]
    strings = next(iter(run.history.values()))[0].campaign.translations["fr-CA"].strings

    assert broken(french) == {"a_mail_is_in_one_language"}
    run.mailer.accepted_mails[2] = at_ms, replace(mail, html=mail.html + strings.frame.unsubscribe_rest)
    assert broken(run) == {"a_mail_is_in_one_language"}


async def test_a_step_without_the_one_that_it_needs_is_found(run: FinishedRun):
    [version] = run.history["christmas_2025"]

    assert broken_by(run, cadence=replace(version.cadence, needs={2: 1})) == set()
    assert broken_by(run, cadence=replace(version.cadence, needs={2: 3})) == {"a_step_follows_the_one_it_needs"}


async def test_a_step_that_was_taken_out_or_goes_before_its_day_is_found(run: FinishedRun):
    [version] = run.history["christmas_2025"]
    offsets = version.cadence.offsets_ms
    later = replace(version.cadence, offsets_ms=(*offsets[:6], offsets[6] + 1))
    without_step_7 = replace(version.cadence, offsets_ms=offsets[:6], ids=version.cadence.steps[:6])

    assert broken_by(run, cadence=later) == {"a_step_goes_on_its_day_or_later"}
    assert broken_by(run, cadence=without_step_7) == {"a_step_goes_on_its_day_or_later"}


@pytest.mark.parametrize(("send_late", "found"), [(False, {"a_new_step_is_not_sent_late"}), (True, set())])
async def test_a_new_step_that_is_sent_after_its_day_is_found_unless_asked_for(run: FinishedRun, send_late, found):
    [version], [ada] = run.history["christmas_2025"], run.enrollments
    steps, offsets = version.cadence.steps, version.cadence.offsets_ms
    before = replace(version, cadence=replace(version.cadence, ids=steps[:6], offsets_ms=offsets[:6]))
    added = replace(version, since_ms=ada.anchor_ms + offsets[6], send_late=send_late)

    assert broken(replace(run, history={"christmas_2025": [before, added]})) == found


async def test_a_text_that_comes_again_under_another_id_is_found(run: FinishedRun):
    (_, first), (at_ms, second) = run.mailer.accepted_mails[:2]
    run.mailer.accepted_mails[1] = at_ms, replace(second, text=first.text)

    assert broken(run) == {"nobody_reads_a_text_twice"}


SCENARIO = """\
[[edits]]
after = "36h"
campaign = "christmas_2025"
folder = "drafts"

[[edits]]
after = "8d"
campaign = "christmas_2025"
rollback = true
"""


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    """A scenario next to an edited campaign: two moved steps, a new text under a new id, which needs the one before."""
    edited = tmp_path / "drafts" / "christmas_2025"
    shutil.copytree(PACKAGED / "christmas_2025", edited)
    toml = edited / "campaign.toml"
    text = toml.read_text()
    toml.write_text(
        text.replace('production = "120h"', 'production = "110h"')
        .replace('id = "step-5"', 'id = "case-study"\ncolumn = "Case study sent"\nneeds = "step-4"')
        .replace('production = "216h"', 'production = "210h"')
    )
    for tag in ("en-CA", "fr-CA"):
        body = edited / tag / "emails" / "5-case-study.md"
        body.write_text(body.read_text().replace("subject: ", "subject: Again: ") + "\nP.S. 2027.\n")
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    return tmp_path / "scenario.toml"


@pytest.mark.timeout(180)
async def test_nobody_notices_that_versions_change_under_way(campaign: Campaign, drafts: Path):
    campaigns = load_campaigns(("christmas_2025", "new_year_2026"))
    scenario = Scenario(people=12, seed=3, edits=read_edits(drafts, campaigns))

    report = await simulate(campaigns, SETTINGS, scenario)

    assert (report.people, report.dead, report.violations) == (12, 0, [])
    # `case-study` went to everybody before `step-5` came back, whose day had passed by then.
    assert (report.sent, report.skipped) == (12 * (6 + 3), 12)


@pytest.mark.timeout(120)
def test_the_command_plays_a_scenario(drafts: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(drafts.parent)
    given = ["simulate", "--people", "3", "--campaign", "christmas_2025", "--scenario", str(drafts), "--json"]
    result = CliRunner().invoke(advent, given, standalone_mode=False)

    assert json.loads(result.stdout) == {"people": 3, "sent": 18, "skipped": 3, "dead": 0, "violations": []}


@pytest.mark.parametrize(
    ("was", "by", "complaint"),
    [
        ('campaign = "christmas_2025"', 'campaign = "easter"', "'easter' is not simulated; there are: christmas_2025"),
        ('"36h"', '"soon"', 'write a duration as "30s", "6min", "24h" or "2d"'),
        ('folder = "drafts"', "", "name the folder that the edited campaign is in"),
        ('folder = "drafts"', 'folder = "here"', "no folder christmas_2025 in"),
        ("rollback = true", "rolback = true", "unknown field"),
    ],
)
def test_a_mistake_in_a_scenario_is_one_line(campaign: Campaign, drafts: Path, was: str, by: str, complaint: str):
    drafts.write_text(SCENARIO.replace(was, by, 1))

    with pytest.raises(CampaignError, match=complaint) as refused:
        read_edits(drafts, {"christmas_2025": campaign})

    assert str(refused.value).startswith(f"{drafts}: line ")
    assert "\n" not in str(refused.value)


async def test_an_edit_that_would_repeat_a_text_is_refused(campaign: Campaign):
    again = Edit(after_ms=5 * DAY_MS, campaign="christmas_2025", compiled=edits.copied(campaign.compiled))

    with pytest.raises(CampaignError, match="step-9 has the text of step-3, which 3 people under way have had"):
        await simulate(campaign, SETTINGS, Scenario(people=3, seed=1, edits=(again,)))
