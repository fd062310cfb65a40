"""Paths in this checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def documents():
    """Return every page that is written for readers."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"), *words()]
    return sorted(page for page in pages if "node_modules" not in page.parts)


def words():
    return [page for package in ("common", "services", "actors") for page in (ROOT / package).rglob("README.md")]
