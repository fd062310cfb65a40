"""The GitHub workflows have few permissions and use actions pinned to a commit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.yaml_files import load, run
from tests.tidy.repository import ROOT

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


def test_github_understands_what_it_asks_of_reporters() -> None:
    forms = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
    config = [form for form in forms if form.stem == "config"]

    run("check-jsonschema", "--builtin-schema", "vendor.github-issue-config", *config)
    run(
        "check-jsonschema",
        "--builtin-schema",
        "vendor.github-issue-forms",
        *(form for form in forms if form not in config),
    )


@each
def test_actions_are_pinned_to_a_commit_and_say_its_version(file: Path) -> None:
    used = re.findall(r"uses: (.+)", file.read_text())

    assert [
        action
        for action in used
        if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", action) and not action.startswith("./")
    ] == []


@each
def test_an_action_has_one_version_in_all_workflows(file: Path) -> None:
    everywhere = {action for each in WORKFLOWS for action in re.findall(r"uses: (.+@.+)", each.read_text())}

    for action in re.findall(r"uses: (\S+)@", file.read_text()):
        assert len([found for found in everywhere if found.startswith(f"{action}@")]) == 1


def test_every_python_that_the_package_names_is_tested() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    named = [
        found[1] for line in classifiers if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    ]

    assert load(GITHUB / "workflows/test.yml")["jobs"]["suite"]["strategy"]["matrix"]["python"] == named


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
