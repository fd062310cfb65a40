"""`advent campaign plan`, `apply` and `rollback` on the command line."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import common.campaigns
from common.campaigns.campaigns import load_campaigns
from common.clock import SystemClock
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.versions import Versions
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.versions.played import PlayedVersions, differing_from
from services.cli.main import advent
from tests.versions.conftest import KEY

PACKAGED = Path(common.campaigns.__file__).parent


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of campaigns for an author to edit."""
    shutil.copytree(PACKAGED / KEY, tmp_path / "campaigns_dir" / KEY)
    return tmp_path / "campaigns_dir"


@pytest.fixture
def command(store_url: str, files: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment = {
        "REDIS_URL": store_url,
        "SECRET_KEY": "0123456789abcdefghijklmnopqrstuv",
        "DATA_DIR": str(tmp_path / "data"),
        "CAMPAIGNS_DIR": str(files),
    }

    def run(*arguments: str):
        return CliRunner(env=environment).invoke(advent, ["campaign", *arguments])

    return run


@pytest.fixture
async def started(store_url: str, files: Path, tmp_path: Path) -> AsyncIterator[Ledger]:
    """Make a first start with these files. Yield the ledger."""
    settings = Settings(
        secret_key="0123456789abcdefghijklmnopqrstuv", data_dir=tmp_path / "data", sandboxed=frozenset({"resend"})
    )
    campaigns = load_campaigns((KEY,), directory=files)
    async with connect_async(store_url) as client:
        ledger = Ledger.of(client, campaigns.terms(settings.pace), secret_key=settings.secret)
        await PlayedVersions(campaigns, ledger, settings, SystemClock()).refresh()
        yield ledger


def edit(files: Path) -> None:
    body = files / KEY / "en-CA" / "emails" / "5-case-study.md"
    body.write_text(body.read_text().replace("subject: ", "subject: New: ", 1))


@pytest.mark.usefixtures("store")
def test_campaign_plan_before_a_first_start_has_no_version_to_compare(command):
    result = command("plan")

    assert "no version of christmas_2025 is in force yet" in str(result.exception)


def test_campaign_plan_names_the_step_and_the_number_of_contacts(command, started, files):
    edit(files)

    (plan,) = json.loads(command("plan", "--json").output)

    assert plan["campaign"] == KEY
    assert plan["from"] != plan["to"]
    assert plan["changes"] == [{"kind": "subject", "step": "step-5", "people": 0}]


def test_applied_change_leaves_the_plan_and_a_rollback_restores_it(command, started, files):
    edit(files)

    applied = command("apply")
    assert "is in force; the plans of 0 people changed" in applied.output
    assert "nothing would change" in command("plan").output

    back = command("rollback", KEY)
    assert "is in force again" in back.output
    assert len(json.loads(command("plan", "--json").output)[0]["changes"]) == 1


async def test_files_that_change_no_mail_are_applied(command, started, files):
    for emails in (files / KEY).glob("*/emails"):
        (emails / "5-case-study.md").rename(emails / "5-story.md")
    toml = files / KEY / "campaign.toml"
    toml.write_text(toml.read_text().replace("5-case-study.md", "5-story.md"))
    campaigns = load_campaigns((KEY,), directory=files)

    planned = await asyncio.to_thread(command, "plan")
    applied = await asyncio.to_thread(command, "apply")
    again = await asyncio.to_thread(command, "apply")

    before = (await started.versions.log(KEY))[0].version
    after = campaigns[KEY].version
    assert f"{KEY}: from version {before} to {after}; no mail and no schedule changes" in planned.output
    assert f"{KEY}: version {after} is in force; the plans of 0 people changed" in applied.output
    assert f"{KEY}: version {after} is in force already; nothing would change" in again.output
    assert await differing_from(campaigns, started) == ()
    assert [entry.action for entry in await started.versions.log(KEY)] == ["first start", "apply"]


@pytest.mark.parametrize("action", [("apply",), ("rollback", KEY)])
def test_contacts_replanned_by_a_worker_are_not_reported_as_zero(command, started, files, monkeypatch, action):
    edit(files)
    if action[0] == "rollback":
        command("apply")
    apply = Versions.apply

    async def and_a_worker_is_faster(versions, campaign, entry, **given):
        applied = await apply(versions, campaign, entry, **given)
        await versions.finish_replan(campaign, entry.version)
        return applied

    monkeypatch.setattr(Versions, "apply", and_a_worker_is_faster)
    output = command(*action).output

    assert "a worker changes the plans of those under way" in output
    assert "0 people changed" not in output


async def test_plan_of_one_contact_is_printed_as_json(command, started, files, ada):
    edit(files)
    now_ms = SystemClock().now_ms()
    accepted = await started.signups.accept(ada, webhook_id="1", received_ms=now_ms)
    found = await started.enrollments.get(accepted.enrollment_id)
    await started.signups.enroll(found, now_ms=now_ms, announce=False)

    (shown,) = json.loads((await asyncio.to_thread(command, "plan", "--contact", "ada@example.org", "--json")).output)

    assert (shown["campaign"], shown["email"], shown["status"]) == (KEY, "ada@example.org", "active")
    assert shown["changes"] == [{"kind": "subject", "step": "step-5", "people": 1}]
    assert shown["from"] != shown["to"]
    assert shown["segment"] == {"from": "CRITICAL", "to": "CRITICAL"}
    assert [step["step"] for step in shown["steps"]] == [f"step-{number}" for number in range(1, 8)]
    assert all(step["due_ms"] == step["due_then_ms"] for step in shown["steps"])


async def receive_a_renamed_step(command, started, files, ada) -> None:
    """Apply files in which step-3 has another id, under which Ada receives it."""
    owner, now_ms = enrollment_id(KEY, "ada@example.org"), SystemClock().now_ms()
    await started.signups.accept(ada, webhook_id="1", received_ms=now_ms)
    await started.signups.enroll(await started.enrollments.get(owner), now_ms=now_ms, announce=False)
    toml = files / KEY / "campaign.toml"
    toml.write_text(toml.read_text().replace('id = "step-3"', 'id = "step-9"\ncolumn = "Email 3 Sent"'))
    await asyncio.to_thread(command, "apply")
    await started.client.hset(keys.enrollment(owner), "/step-9", f"accepted {now_ms} 1 +0 id")


async def test_rollback_that_would_repeat_a_text_is_refused(command, started, files, ada):
    await receive_a_renamed_step(command, started, files, ada)

    result = await asyncio.to_thread(command, "rollback", KEY)

    assert "step-3 has the text of step-9, which 1 person under way has had" in str(result.exception)
    assert "in force again" not in result.output
    assert [entry.action for entry in await started.versions.log(KEY)] == ["first start", "apply"]


def test_apply_and_rollback_print_the_plan_and_its_result_as_json(command, started, files):
    edit(files)
    planned = json.loads(command("plan", "--json").output)

    (applied,) = json.loads(command("apply", "--json").output)
    (again,) = json.loads(command("apply", "--json").output)
    back = json.loads(command("rollback", KEY, "--json").output)

    assert applied == {**planned[0], "applied": True, "people_replanned": 0}
    assert (again["from"], again["to"], again["changes"]) == (applied["to"], applied["to"], [])
    assert (again["applied"], again["people_replanned"]) == (False, None)
    assert (back["from"], back["to"]) == (applied["to"], applied["from"])
    assert (back["changes"], back["applied"], back["people_replanned"]) == (applied["changes"], True, 0)


async def test_refused_rollback_says_in_json_that_nothing_was_applied(command, started, files, ada):
    await receive_a_renamed_step(command, started, files, ada)

    result = await asyncio.to_thread(command, "rollback", KEY, "--json")

    refused = json.loads(result.stdout)
    assert (refused["applied"], refused["people_replanned"], len(refused["repeated"])) == (False, None, 1)
    assert refused["repeated"][0] in str(result.exception)


def test_first_version_cannot_be_rolled_back(command, started):
    result = command("rollback", KEY)

    assert "is the first one; there is none to go back to" in str(result.exception)
