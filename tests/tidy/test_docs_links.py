"""Everything that the documents refer to exists: headings, files, tests, settings and subcommands."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from common.settings.settings import SETTING_NAMES
from services.cli.dead import command as dead
from tests.tidy.repository import ROOT, documents

FILE = re.compile(r"(?!\d)[\w.-]*(?:/[\w.*-]+)+/?")
SEEN_AT_RUN_TIME = ("DATA_DIR/", "/", "./data", "build/", "campaign/enrollment", "christmas_2025/")
"""Paths of a running system and of its URLs, and ids that look like paths."""
NO_SETTING = {"KEYS", "ARGV", "CONFIG", "EMAIL", "ID", "QUEUES", "STEP_COLUMNS"}

OURS = [page for page in documents() if "node_modules" not in page.parts]

pages = pytest.mark.parametrize("page", OURS, ids=lambda page: str(page.relative_to(ROOT)))


@pages
def test_the_headings_it_links_to_exist(page):
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text())

    assert [(file, to) for file, to in links if to not in anchors(page.parent / file if file else page)] == []


@pages
def test_the_paths_it_names_exist(page):
    paths = [name for name in quoted(page) if FILE.fullmatch(name) and not name.startswith(SEEN_AT_RUN_TIME)]

    assert [path for path in paths if not is_there(path)] == []


@pages
def test_the_tests_it_names_exist(page):
    named = {name for name in quoted(page) if re.fullmatch(r"test_[a-z0-9_]{12,}", name)}

    assert sorted(named - known_tests()) == []


@pages
def test_the_settings_it_names_exist(page):
    named = {name.removesuffix("_FILE") for name in quoted(page) if re.fullmatch(r"[A-Z][A-Z_]+", name)}
    segments = {"CRITICAL", "URGENT", "OPTIMIZE"}
    levels = {"DEBUG", "INFO", "WARNING", "ERROR"}

    assert sorted(named - set(SETTING_NAMES) - NO_SETTING - segments - levels) == []


@pages
def test_dead_letter_commands_in_a_page_exist(page):
    named = set(re.findall(r"\badvent dead ([a-z]+)", page.read_text()))

    assert named <= set(dead.commands)


@pytest.mark.parametrize("line", re.findall(r"^- (\[.+)$", (ROOT / "README.md").read_text(), re.MULTILINE))
def test_each_promise_in_the_readme_links_to_a_test(line):
    assert re.fullmatch(r"\[.+\.\]\(tests/[\w/]+\.py\)", line)


@pytest.mark.parametrize(("name", "bytes_max"), [("inbox", 120_000), ("overview", 120_000), ("person", 200_000)])
def test_picture_in_the_readme_is_small_and_shown(name, bytes_max):
    picture = ROOT / "docs" / "images" / f"{name}.png"

    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < bytes_max
    assert f"](docs/images/{name}.png)" in (ROOT / "README.md").read_text()


def test_decisions_are_numbered_in_order_and_dated() -> None:
    page = (ROOT / "docs/decisions.md").read_text()
    headings = re.findall(r"^## ", page, re.MULTILINE)
    lines = re.findall(r"^## .+\n\n\*Decision (\d+) · (\d{4}-\d\d-\d\d)\*\n\n\S", page, re.MULTILINE)

    assert [int(number) for number, _ in lines] == list(range(1, len(headings) + 1))


def quoted(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", page.read_text())


def is_there(path: str) -> bool:
    """Return whether a path exists below the root, from which all documents write paths; `*` is a wildcard."""
    return any(ROOT.glob(path.rstrip("/"))) if "*" in path else (ROOT / path).exists()


@cache
def anchors(file: Path) -> set[str]:
    """Return the anchors that GitHub generates from the headings."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def known_tests() -> set[str]:
    names: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        names |= {file.stem, *re.findall(r"def (test_\w+)", file.read_text())}
    return names
