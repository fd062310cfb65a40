"""What GitHub does for us: with few rights, and with actions that move only within a major version."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.yaml_files import load, run
from tests.tidy.house import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))

each = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


@each
def test_github_understands_it(file: Path) -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", file)


@each
def test_actionlint_has_nothing_to_say(file: Path) -> None:
    assert run("actionlint", file) == ""


def test_github_understands_what_is_updated() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.dependabot", GITHUB / "dependabot.yml")


@each
def test_actions_are_pinned_to_a_major_version(file: Path) -> None:
    used = re.findall(r"uses: (\S+)", file.read_text())

    assert [action for action in used if not re.search(r"@v\d+$", action) and not action.startswith("./")] == []


@each
def test_nothing_may_be_written_but_by_the_job_that_publishes(file: Path) -> None:
    workflow: dict[str, Any] = load(file)

    assert workflow["permissions"] in ({}, {"contents": "read"})
    granted = {name: job.get("permissions", {}) for name, job in workflow["jobs"].items()}
    writing = {name for name, rights in granted.items() if "write" in rights.values()}
    assert writing <= {"publish"}
    assert all(rights.get("contents", "read") == "read" for rights in granted.values())


@each
def test_no_name_that_others_choose_is_put_into_a_script(file: Path) -> None:
    scripts = [step["run"] for job in load(file)["jobs"].values() for step in job.get("steps", []) if "run" in step]

    assert [script for script in scripts if "${{ github" in script] == []
