import os
import re
import shutil
import subprocess
import tomllib

import pytest

from tests.tidy.repository import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


@pytest.fixture
def checkout(tmp_path):
    """Return an installed checkout whose `advent` only prints its arguments and its pace settings."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    shutil.copytree(ROOT / "deploy" / "constraints", tmp_path / "deploy" / "constraints")
    bin = tmp_path / ".venv" / "bin"
    bin.mkdir(parents=True)
    (bin / "python").write_text("#!/bin/sh\n")
    (bin / "advent").write_text('#!/bin/sh\necho "$@ $TESTING_MODE $CAMPAIGN_SPEED"\n')
    for file in bin.iterdir():
        file.chmod(0o755)
    for stamp in (".installer", ".runs", ".tests"):
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


def make(checkout, *arguments, **environ):
    done = subprocess.run(
        ["make", *arguments], cwd=checkout, env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", ["make up", "make test"])
def test_the_readme_shows_the_two_commands_of_a_newcomer(command):
    assert re.search(rf"^    {command}\b", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_bare_make_lists_every_target(checkout):
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)

    listed = make(checkout)

    assert {"up", "test", "check", "docs", "golden", "bench", "lock", "clean"} <= set(targets)
    assert [line.split()[1] for line in listed.splitlines()] == targets


def test_make_up_runs_in_testing_mode_at_speed_ten(checkout):
    assert make(checkout, "up") == "up true 10\n"


def test_make_up_does_not_override_settings_wherever_they_are_set(checkout):
    assert make(checkout, "up", CAMPAIGN_SPEED="60") == "up true 60\n"
    assert make(checkout, "up", "CAMPAIGN_SPEED=2") == "up true 2\n"
    (checkout / ".env").write_text("TESTING_MODE=false\n")
    assert make(checkout, "up") == "up  10\n"


def test_pytest_summary_shows_skipped_tests_with_their_reasons():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["addopts"].split()

    assert {"-ra", "-rA", "-rs"} & {*options}


def test_ci_reports_the_tools_that_it_could_not_install():
    lines = (ROOT / ".ci" / "run").read_text().replace("||\n", "||").splitlines()
    installing = [line for line in lines if "|| apt_install " in line]

    assert len(installing) == 6
    assert [line for line in installing if "echo" not in line] == ["if chromium || apt_install chromium; then"]
