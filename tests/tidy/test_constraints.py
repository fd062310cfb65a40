"""Every installation of a commit has the versions that its tests used: deploy/constraints and pyproject agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.tidy.repository import ROOT

PINS = ROOT / "deploy" / "constraints"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = PYPROJECT["project"], PYPROJECT["dependency-groups"]
EXTRAS = PROJECT["optional-dependencies"]

ASKED = {
    "run": PROJECT["dependencies"] + EXTRAS["tracing"],
    "dev": PROJECT["dependencies"] + EXTRAS["tracing"] + EXTRAS["dev"],
    **GROUPS,
}
"""The requirements that each file must satisfy, by file name."""

each_file = pytest.mark.parametrize("name", ASKED)

CURE = "cure: make lock"


def pinned(name: str) -> dict[str, set[str]]:
    """Return the versions of each package; there are several if they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", (PINS / f"{name}.txt").read_text(), re.MULTILINE):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def test_every_kind_of_installation_has_one_constraints_file() -> None:
    assert {file.stem for file in PINS.iterdir()} == set(ASKED), CURE


@each_file
def test_pinned_versions_are_allowed_by_pyproject(name: str) -> None:
    pins = pinned(name)

    outside = {
        f"{asked} is pinned to {version}"
        for asked in map(Requirement, ASKED[name])
        for version in pins.get(canonicalize_name(asked.name), {"nothing"})
        if version == "nothing" or not asked.specifier.contains(version, prereleases=True)
    }
    assert outside == set(), CURE


@each_file
def test_nothing_is_pinned_that_pyproject_no_longer_asks_for(name: str) -> None:
    text = (PINS / f"{name}.txt").read_text()
    direct = {package for package, via in _reasons(text) if "advent (pyproject.toml" in via}

    assert direct == {canonicalize_name(Requirement(asked).name) for asked in ASKED[name]}, CURE


@each_file
def test_every_pinned_package_has_a_hash(name: str) -> None:
    text = (PINS / f"{name}.txt").read_text()
    entries = re.findall(r"^[\w.-]+==.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*", text, re.MULTILINE)

    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@each_file
def test_constraints_name_no_package_host(name: str) -> None:
    assert re.findall(r"://|^-", (PINS / f"{name}.txt").read_text(), re.MULTILINE) == []


@pytest.mark.parametrize("name", [name for name in ASKED if name != "stores"])
def test_a_package_has_one_version_in_all_files(name: str) -> None:
    """Production runs the tested versions, and no tool installs another version of a package."""
    tested = pinned("dev")

    assert {package: found for package, found in pinned(name).items() if found != tested.get(package, found)} == {}


INSTALLS = re.compile(r"pip .*\binstall |\$\(PIP\) |\$\(PINNED\) |\"\$\{pip\[@\]\}\" ")
FROM_OURSELVES = ("--no-deps --no-build-isolation", "--no-deps dist/*.whl", "--no-index")


@pytest.mark.parametrize(
    ("place", "installations"), [("Makefile", 7), ("Dockerfile", 4), ("deploy/lib/releases.sh", 5)]
)
def test_installations_require_hashes(place: str, installations: int) -> None:
    """Advent itself has no hash; it is built without access to a package index."""
    commands = [command for command in _commands(ROOT / place) if INSTALLS.search(command)]

    assert len(commands) == installations
    allowed = ("--require-hashes", "$(PINNED)", *FROM_OURSELVES)
    assert [command for command in commands if not any(words in command for words in allowed)] == []


def _commands(file: Path) -> list[str]:
    text = re.sub(r"^\s*#.*\n|^\w+ :=.*\n|^ *local .*\n", "", file.read_text(), flags=re.MULTILINE)
    return re.split(r"\n|&&", re.sub(r"\\\n|\|\|\n", " ", text))


def _reasons(text: str) -> list[tuple[str, str]]:
    found = re.findall(r"^([\w.-]+)==[^#]*    # via (.*)$", text, re.MULTILINE)
    return [(canonicalize_name(package), via) for package, via in found]
