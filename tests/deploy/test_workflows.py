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
def test_workflow_matches_the_schema_of_github(file: Path) -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", file)


@each
def test_actionlint_reports_nothing_about_a_workflow(file: Path) -> None:
    assert run("actionlint", file) == ""


def test_dependabot_configuration_matches_the_schema_of_github() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.dependabot", GITHUB / "dependabot.yml")


def test_issue_forms_match_the_schema_of_github() -> None:
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


def test_every_python_version_in_the_classifiers_is_tested() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    named = [
        found[1] for line in classifiers if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    ]

    assert load(GITHUB / "workflows/test.yml")["jobs"]["suite"]["strategy"]["matrix"]["python"] == named


@each
def test_only_the_publish_job_has_write_permissions(file: Path) -> None:
    workflow: dict[str, Any] = load(file)

    assert workflow["permissions"] in ({}, {"contents": "read"})
    granted = {name: job.get("permissions", {}) for name, job in workflow["jobs"].items()}
    writing = {name for name, rights in granted.items() if "write" in rights.values()}
    assert writing <= {"publish"}
    assert all(rights.get("contents", "read") == "read" for rights in granted.values())


@each
def test_workflow_scripts_contain_no_github_expressions(file: Path) -> None:
    scripts = [step["run"] for job in load(file)["jobs"].values() for step in job.get("steps", []) if "run" in step]

    assert [script for script in scripts if "${{ github" in script] == []
