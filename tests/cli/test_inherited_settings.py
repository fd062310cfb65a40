"""Commands in a second terminal, with nothing set, while an `advent up` runs with its own pace and ports."""

import json
import os

import pytest

from common.settings.settings import Settings
from services.cli.shared import now_ms
from services.supervisor import run_dir
from services.supervisor.inherited_settings import shared_settings
from services.supervisor.run_dir import RunDirectory, RunInfo
from tests.cli.conftest import SECRET_KEY
from tests.cli.test_status_and_contact import ada_signs_up

ADA = "ada@example.com"


@pytest.fixture
def commands(advent, tmp_path, store_url, monkeypatch):
    """Return a function that runs commands next to an `advent up` whose gateway and sandbox do not respond."""
    monkeypatch.setattr(run_dir, "command_of", lambda pid: "advent: up")
    settings = Settings(testing_mode=True, campaign_speed=10, gateway_port=1, sandbox_port=2)
    running = RunInfo(
        pid=os.getpid(),
        gateway_url=settings.gateway_url,
        sandbox_url=settings.sandbox_url,
        store_url=store_url,
        settings=shared_settings(settings),
    )
    RunDirectory(tmp_path / "data").announce(running)
    return lambda *arguments, **environ: advent(*arguments, SECRET_KEY=SECRET_KEY, **environ)


def last_due_ms(output):
    return max(line["due_ms"] for line in json.loads(output)["next"]) - now_ms()


def test_contact_shows_the_pace_of_advent_up(commands, run_ledger):
    run_ledger(ada_signs_up)

    _, output, errors = commands("contact", ADA, "--json")

    assert last_due_ms(output) < 36_000
    assert errors == ""


@pytest.mark.parametrize("command", [("contact", ADA, "--json"), ("resume", "--plan", "--json")])
def test_own_pace_wins_over_that_of_advent_up_and_is_reported(commands, run_ledger, command):
    run_ledger(ada_signs_up)

    status, output, errors = commands(*command, TESTING_MODE="false")

    assert (status, len(errors.splitlines())) == (0, 1)
    assert errors.startswith("advent: settings differ from the running `advent up`: TESTING_MODE is false here")
    assert command[0] == "resume" or last_due_ms(output) > 86_400_000


def test_commands_query_the_gateway_at_the_address_of_advent_up(commands):
    _, output, _ = commands("health")
    _, _, errors = commands("try")

    assert "http://127.0.0.1:1" in output
    assert "no gateway answers at http://127.0.0.1:1 (" in errors


def test_check_queries_the_sandbox_at_the_address_of_advent_up(commands, monkeypatch):
    asked = []
    monkeypatch.setattr("services.supervisor.ports.answers", asked.append)

    commands("check")

    assert set(asked) == {"http://127.0.0.1:2/health"}
