"""
A simulation plays all contacts to the end, the same way for the same seed, and its invariants find broken promises.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from common.campaigns import loader
from common.campaigns.errors import CampaignError
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.settings.settings import Settings
from services.cli.main import advent
from services.simulation.edits import Edit
from services.simulation.engine import Simulation
from services.simulation.processes import simulate_in_processes
from services.simulation.scenario_file import read_scenario
from services.simulation.scenarios import Scenario, simulate
from tests.packaged import packaged_campaigns
from tests.texting import texting_campaign
from tests.versions import edits

DAY_MS = 24 * 3_600_000
PACKAGED = Path(loader.__file__).parent
SETTINGS = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))


async def test_simulation_sends_every_contact_seven_mails_and_breaks_no_promise(campaign: Campaign):
    report = await simulate(campaign, SETTINGS, Scenario(people=12, seed=3))

    assert (report.people, report.sent, report.skipped, report.dead, report.violations) == (12, 84, 0, 0, [])
    assert report == await simulate(campaign, SETTINGS, Scenario(people=12, seed=3))


async def test_same_seed_makes_the_same_contacts_at_the_same_times(store, campaign: Campaign):
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
def test_two_processes_give_the_same_report_as_one_and_show_progress():
    seen: list[int] = []
    scenario = Scenario(people=7, seed=2)
    report = simulate_in_processes(SETTINGS, scenario, progress=seen.append, processes=2)

    assert (report.people, report.sent, report.violations) == (7, 49, [])
    assert report == simulate_in_processes(SETTINGS, scenario, progress=lambda _mails: None, processes=1)
    assert seen == sorted(seen)
    assert seen[-1] == 49


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("loads_campaign_once")
def test_the_command_prints_json_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(advent, ["simulate", "--people", "3", "--seed", "5", "--json"], standalone_mode=False)

    assert json.loads(result.stdout) == {
        "people": 3, "sent": 21, "skipped": 0, "dead": 0, "violations": [], "calls": 0, "call_mails": 0, "texts": 0,
    }  # fmt: skip
    assert result.stderr == ""


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("loads_campaign_once")
def test_simulation_of_one_person_is_printed_in_the_singular(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(advent, ["simulate", "--people", "1", "--seed", "5"], standalone_mode=False)

    assert result.stdout == "1 person · 7 sent · 0 skipped · 0 dead\nno promise was broken\n"


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
    """
    A scenario next to an edited campaign: two steps moved, and a new text under a new id that needs the step before it.
    """
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
async def test_version_changes_during_a_simulation_break_no_promise(campaign: Campaign, drafts: Path):
    campaigns = packaged_campaigns("christmas_2025", "new_year_2026")
    scenario = read_scenario(drafts, Scenario(people=12, seed=3), campaigns)

    report = await simulate(campaigns, SETTINGS, scenario)

    assert (report.people, report.dead, report.violations) == (12, 0, [])
    # All contacts got `case-study` before the rollback restored `step-5`, whose day had passed by then.
    assert (report.sent, report.skipped) == (12 * (6 + 3), 12)


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("loads_campaign_once")
def test_the_command_plays_a_scenario(drafts: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(drafts.parent)
    given = ["simulate", "--people", "3", "--campaign", "christmas_2025", "--scenario", str(drafts), "--json"]
    result = CliRunner().invoke(advent, given, standalone_mode=False)

    report = json.loads(result.stdout)
    assert (report["people"], report["sent"], report["skipped"], report["violations"]) == (3, 18, 3, [])


@pytest.mark.parametrize(
    ("was", "by", "complaint"),
    [
        ('campaign = "christmas_2025"', 'campaign = "easter"', "'easter' is not simulated; there are: christmas_2025"),
        ('"36h"', '"soon"', 'write a duration as "30s", "6min", "24h" or "2d"'),
        ('folder = "drafts"', "", "name the folder that the edited campaign is in"),
        ('folder = "drafts"', 'folder = "here"', "no folder christmas_2025 in"),
        ("rollback = true", "rolback = true", "unknown field"),
        ("[[edits]]", "calls = 2\n[[edits]]", "calls"),
        ("[[edits]]", "faults = 0.9\n[[edits]]", "faults"),
    ],
)
def test_a_mistake_in_a_scenario_is_one_line(campaign: Campaign, drafts: Path, was: str, by: str, complaint: str):
    drafts.write_text(SCENARIO.replace(was, by, 1))

    with pytest.raises(CampaignError, match=complaint) as refused:
        read_scenario(drafts, Scenario(people=3, seed=1), {"christmas_2025": campaign})

    assert str(refused.value).startswith(f"{drafts}: line ")
    assert "\n" not in str(refused.value)


async def test_an_edit_that_would_repeat_a_text_is_refused(campaign: Campaign):
    again = Edit(after_ms=5 * DAY_MS, campaign="christmas_2025", compiled=edits.copied(campaign.compiled))

    with pytest.raises(CampaignError, match="step-9 has the text of step-3, which 3 people under way have had"):
        await simulate(campaign, SETTINGS, Scenario(people=3, seed=1, edits=(again,)))


async def test_calls_are_reminded_and_followed_up_as_promised_while_providers_fail(tmp_path: Path):
    scenario_file = tmp_path / "scenario.toml"
    scenario_file.write_text("calls = 1.0\nfaults = 0.2\n")
    campaign = texting_campaign(tmp_path)
    scenario = read_scenario(scenario_file, Scenario(people=12, seed=3), {campaign.key: campaign})

    report = await simulate(campaign, SETTINGS, scenario)

    assert report.violations == []
    assert report.people == 12
    assert report.calls >= 12
    assert report.call_mails > 0
    assert report.texts > 0
