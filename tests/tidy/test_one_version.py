"""Each version has one source, and every copy of it is the same."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version

import pytest

from tests.deploy.yaml_files import load
from tests.tidy.repository import ROOT
from tests.tidy.test_constraints import pinned

RELEASE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
HOOKS = {
    repository["repo"].rsplit("/", 1)[-1]: repository["rev"]
    for repository in load(ROOT / ".pre-commit-config.yaml")["repos"]
}


def test_installed_package_has_the_version_of_this_checkout() -> None:
    assert version("advent") == RELEASE, "cure: make .venv/.tests"


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    newest = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest[0] == RELEASE


def test_changelog_versions_are_dated_and_in_descending_order() -> None:
    versions = re.findall(
        r"^## \[?(\d+)\.(\d+)\.(\d+)\]? - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )

    assert len(versions) >= 2
    assert versions == sorted(versions, key=lambda found: tuple(map(int, found)), reverse=True)


@pytest.mark.parametrize("overlay", ["small", "production"])
def test_the_cluster_runs_this_version(overlay: str) -> None:
    [image] = load(ROOT / "deploy/k8s/overlays" / overlay / "kustomization.yaml")["images"]

    assert image["newTag"] == RELEASE


def test_compose_and_the_cluster_run_the_same_store() -> None:
    compose = load(ROOT / "docker-compose.yml")["services"]["store"]["image"]

    assert f"image: {compose}\n" in (ROOT / "deploy/k8s/store/store.yaml").read_text()


@pytest.mark.parametrize(("repository", "tool"), [("ruff-pre-commit", "ruff"), ("codespell", "codespell")])
def test_a_hook_runs_the_version_that_make_check_runs(repository: str, tool: str) -> None:
    assert {HOOKS[repository].removeprefix("v")} == pinned("dev")[tool], "cure: rev in .pre-commit-config.yaml"
    assert version(tool) in pinned("dev")[tool], "cure: make .venv/.tests"


def test_every_hook_that_is_a_tool_of_make_check_is_compared() -> None:
    assert set(HOOKS) - {"ruff-pre-commit", "codespell"} == {"pre-commit-hooks"}


def test_package_for_the_website_has_no_version() -> None:
    assert "version" not in json.loads((ROOT / "deploy/website/package.json").read_text())


def test_the_security_policy_supports_this_version() -> None:
    minor = RELEASE.rsplit(".", 1)[0]

    assert f"| {minor} | yes |" in (ROOT / "SECURITY.md").read_text()
