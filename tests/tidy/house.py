"""Where things are in this checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def documents():
    """Every page that people read."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"), *words()])


def words():
    return [page for room in ("common", "services", "actors") for page in (ROOT / room).rglob("README.md")]
