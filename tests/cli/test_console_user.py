"""`advent console-user` makes a token that logs in, and commands are in the action log."""

from __future__ import annotations

import json

import pytest

from common.ledger.action_log import ActionFilter
from common.settings.console_users import parse_users, user_with


@pytest.mark.parametrize("role", ["full", "read"])
def test_printed_console_user_line_matches_the_printed_token(advent, role):
    status, out, _ = advent("console-user", "mia", "--role", role, "--json")

    made = json.loads(out)
    assert status == 0
    assert user_with(made["token"], parse_users(made["line"])).role == role


def test_console_user_prints_the_line_as_text(advent):
    _, out, _ = advent("console-user", "mia", "--role", "read")

    token, line = (said.rpartition(" ")[2] for said in out.splitlines())
    user = user_with(token, parse_users(line))
    assert f"token, for mia only:   {token}\nto add to CONSOLE_USERS:   {line}\n" == out
    assert (user.name, user.role) == ("mia", "read")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("Mia Meier", "--role", "read"), "'Mia Meier': a name needs 1 to 32 lower-case letters"),
        (("mia",), "Missing option '--role'"),
        (("mia", "--role", "boss"), "Invalid value for '--role': 'boss' is not one of"),
    ],
)
def test_wrong_use_says_how_it_is_used_and_what_was_wrong(advent, arguments, error):
    status, out, err = advent("console-user", *arguments)

    assert (status, out) == (2, "")
    usage, _, said = err.partition("\n\n")
    assert usage.startswith("Usage: advent console-user [OPTIONS] NAME\n")
    assert said.startswith(f"Error: {error}")


def test_command_is_logged_with_its_user(run_command, run_ledger, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ada")

    run_command("pause")
    run_command("resume")

    async def actions(ledger):
        return [(one.by, one.via, one.what, one.on) for one in await ledger.action_log.newest(ActionFilter())]

    assert run_ledger(actions) == [("ada", "cli", "resume", ("everybody",)), ("ada", "cli", "pause", ("everybody",))]
