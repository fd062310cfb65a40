"""`advent campaign plan`, `apply` and `rollback`, typed by a person."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import common.campaigns
from common.campaigns.campaigns import load_campaigns
from common.clock import SystemClock
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.store.clients import connect_async
from common.versions.played import PlayedVersions
from services.cli.main import advent
from tests.versions.conftest import KEY

PACKAGED = Path(common.campaigns.__file__).parent


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of campaigns that an author edits."""
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
async def started(store_url: str, files: Path, tmp_path: Path) -> None:
    """A first start with these files."""
    settings = Settings(
        secret_key="0123456789abcdefghijklmnopqrstuv", data_dir=tmp_path / "data", sandboxed=frozenset({"resend"})
    )
    campaigns = load_campaigns((KEY,), directory=files)
    async with connect_async(store_url) as client:
        ledger = Ledger.of(client, campaigns.terms(settings.pace), secret_key=settings.secret)
        await PlayedVersions(campaigns, ledger, settings, SystemClock()).refresh()


def edit(files: Path) -> None:
    body = files / KEY / "en-CA" / "emails" / "5-case-study.md"
    body.write_text(body.read_text().replace("subject: ", "subject: New: ", 1))


@pytest.mark.usefixtures("store")
def test_before_a_first_start_there_is_nothing_to_compare_with(command):
    result = command("plan")

    assert "no version of christmas_2025 is in force yet" in str(result.exception)


def test_a_plan_names_the_step_and_the_people(command, started, files):
    edit(files)

    (plan,) = json.loads(command("plan", "--json").output)

    assert plan["campaign"] == KEY
    assert plan["from"] != plan["to"]
    assert plan["changes"] == [{"kind": "subject", "step": "step-5", "people": 0}]


def test_what_is_applied_is_no_longer_planned_and_rollback_brings_it_back(command, started, files):
    edit(files)

    applied = command("apply")
    assert "is in force; the plans of 0 people changed" in applied.output
    assert "nothing would change" in command("plan").output

    back = command("rollback", KEY)
    assert "is in force again" in back.output
    assert len(json.loads(command("plan", "--json").output)[0]["changes"]) == 1


def test_there_is_nothing_before_the_first_version(command, started):
    result = command("rollback", KEY)

    assert "is the first one; there is none to go back to" in str(result.exception)
