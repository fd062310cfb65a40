import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.main import COMMANDS
from tests.acceptance.place import free_ports
from tests.tidy.repository import ROOT


def test_help_names_every_command_with_what_it_does(advent):
    status, output, _ = advent("--help")

    assert status == 0
    for name, (_, line) in COMMANDS.items():
        assert name in output
        assert line[:30] in output


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(advent, name):
    status, output, _ = advent(name, "--help")

    assert status == 0
    assert len(output.split()) > 15


@pytest.mark.parametrize("arguments", [("no-such",), ("try", "--no-such"), ("sign", "fax", "x"), ("dead", "replay")])
def test_wrong_use_is_status_2(advent, tmp_path, arguments):
    status, output, errors = advent(*arguments)

    assert (status, output) == (2, "")
    assert "Usage:" in errors


NO_ADDRESSES = ["", "  ", "ada", "@example.com", "ada@", "Ada <ada@example.com>"]
COMMANDS_WITH_ADDRESS = (["forget"], ["pause", "--contact"], ["resume", "--contact"], ["try", "--email"])


@pytest.mark.parametrize(
    ("command", "no_address"),
    [(command, no_address) for command in COMMANDS_WITH_ADDRESS for no_address in NO_ADDRESSES]
    + [(["contact"], no_address) for no_address in NO_ADDRESSES if no_address != "ada"],
)
def test_an_invalid_address_is_wrong_use_before_the_store_is_opened(advent, command, no_address):
    status, output, errors = advent(*command, no_address)

    assert (status, output) == (2, "")
    assert f"{no_address.strip()!r} is not an e-mail address; give one like ada@example.com" in errors


@pytest.mark.parametrize("name", ["up", "gateway", "worker", "status", "sandbox", "check", "try"])
def test_wrong_setting_is_reported_in_one_line_with_status_1(advent, name):
    status, output, errors = advent(name, ALLOW_UNSIGNED_WEBHOOKS="maybe")

    assert status == 1
    assert "ALLOW_UNSIGNED_WEBHOOKS: 'maybe' is neither true nor false; set it to true or false" in output + errors
    assert len((output + errors).splitlines()) == 1


@pytest.mark.parametrize("name", ["up", "status"])
def test_unknown_campaign_is_reported_in_one_line_with_the_known_ones(advent, name):
    status, _, errors = advent(name, CAMPAIGN="easter", REDIS_URL="redis://127.0.0.1:1")

    assert status == 1
    assert errors.startswith("advent: CAMPAIGN=easter: ")
    assert "christmas_2025" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["statsu"], "status"), (["dead", "lst"], "list"), (["status", "--jsn"], "--json")]
)
def test_misspelled_command_or_option_suggests_the_right_one(advent, arguments, meant):
    status, _, errors = advent(*arguments)

    assert status == 2
    assert f"Did you mean '{meant}'?" in errors


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_as_the_readme_says(monkeypatch, shell):
    monkeypatch.setenv("_ADVENT_COMPLETE", f"{shell}_source")

    done = subprocess.run([Path(sys.executable).with_name("advent")], capture_output=True, text=True, check=True)

    assert "_ADVENT_COMPLETE" in done.stdout
    assert shell in (ROOT / "README.md").read_text().partition("_ADVENT_COMPLETE=")[2][:120]


@pytest.mark.parametrize("name", ["gateway", "worker", "status", "contact", "dead"])
def test_command_without_a_store_says_in_one_line_what_to_do(advent, name):
    arguments = {"contact": ["ada@example.com"], "dead": ["list"]}.get(name, [])
    status, _, errors = advent(name, *arguments)

    assert status == 1
    assert errors.startswith("advent: REDIS_URL: unset, and no `advent up`")
    assert len(errors.splitlines()) == 1


def test_unreachable_store_is_reported_in_one_line(advent):
    status, _, errors = advent("status", REDIS_URL="redis://127.0.0.1:1")

    assert status == 1
    assert errors.startswith("advent: the data store does not answer (")
    assert len(errors.splitlines()) == 1


def test_advent_also_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "--version"], capture_output=True, text=True, check=True
    )

    assert "advent" in done.stdout


def test_unusable_sandbox_folder_is_reported_in_one_line(advent, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sandbox").touch()

    status, _, errors = advent("sandbox", SANDBOX_PORT=str(free_ports(1)[0]))

    assert status == 1
    assert (
        errors
        == "advent: DATA_DIR: data/sandbox cannot be used (File exists); set DATA_DIR to a folder you can write to\n"
    )


def test_deleted_current_folder_is_reported_in_one_line(advent, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert advent("status") == (1, "", "advent: the current folder no longer exists; change to another\n")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_full_disk_behind_stdout_is_reported_in_one_line():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "services.cli", "--help"], stdout=full, stderr=subprocess.PIPE, text=True
        )

    assert (result.returncode, result.stderr) == (
        1,
        "advent: No space left on device; free some space, then try again\n",
    )
