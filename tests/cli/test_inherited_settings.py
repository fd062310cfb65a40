"""Commands in a second terminal, with nothing set, beside an `advent up` that has a pace and ports of its own."""

import json
import os

import pytest

from common.settings.settings import Settings
from services.cli.shared import now_ms
from services.supervisor import run_dir
from services.supervisor.inherited_settings import shared_settings
from services.supervisor.run_dir import RunDirectory, RunInfo
from tests.cli.test_status_and_contact import SECRET_KEY, ada_signs_up, ledger_does

__all__ = ["ledger_does"]

ADA = "ada@example.com"


@pytest.fixture
def commands(advent, tmp_path, store_url, monkeypatch):
    """Commands beside it; its gateway and its sandbox do not answer."""
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


def last_due_ms(said):
    return max(line["due_ms"] for line in json.loads(said)["next"]) - now_ms()


def test_contact_tells_the_pace_at_which_mail_goes(commands, ledger_does):
    ledger_does(ada_signs_up)

    _, said, complained = commands("contact", ADA, "--json")

    assert last_due_ms(said) < 36_000
    assert complained == ""


@pytest.mark.parametrize("command", [("contact", ADA, "--json"), ("resume", "--plan", "--json")])
def test_a_pace_of_ones_own_stands_and_is_said(commands, ledger_does, command):
    ledger_does(ada_signs_up)

    status, said, complained = commands(*command, TESTING_MODE="false")

    assert (status, len(complained.splitlines())) == (0, 1)
    assert complained.startswith("advent: set otherwise than in the running `advent up`: TESTING_MODE is false here")
    assert command[0] == "resume" or last_due_ms(said) > 86_400_000


def test_the_gateway_is_looked_for_where_it_is(commands):
    _, said, _ = commands("health")
    _, _, complained = commands("try")

    assert "http://127.0.0.1:1" in said
    assert "no gateway answers at http://127.0.0.1:1 (" in complained


def test_check_looks_for_the_sandbox_where_it_is(commands, monkeypatch):
    asked = []
    monkeypatch.setattr("services.supervisor.ports.answers", asked.append)

    commands("check")

    assert set(asked) == {"http://127.0.0.1:2/health"}
