"""Creates the files of a new campaign: a small, complete set that the author rewrites."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from common.campaigns.errors import CampaignError

_SHARED = Path(__file__).parent / "shared"
_STARTER = _SHARED / "starter"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
_PLACEHOLDER = "New Campaign"
"""The text in the files that is replaced by the campaign's name."""


def create(key: str, home: Path) -> Path:
    """
    Create the folder `key` in `home`, and `home` itself if necessary. Return the folder.

    Raises CampaignError for an invalid name, FileExistsError if the folder exists, and other OSErrors.
    """
    if not _NAME.fullmatch(key):
        raise CampaignError(f"{key!r} is not a valid campaign name; use lowercase letters, digits and _: spring_2026")
    folder = home / key
    home.mkdir(parents=True, exist_ok=True)
    folder.mkdir()
    shutil.copytree(_STARTER, folder, dirs_exist_ok=True)
    title = key.replace("_", " ").title()
    for file in folder.rglob("*.toml"):
        file.write_text(file.read_text(encoding="utf-8").replace(_PLACEHOLDER, title), encoding="utf-8")
    return folder


def add_language(folder: Path, tag: str, like: str) -> Path:
    """
    Create the folder of another language with the texts of `like`, and return it. For a language that Advent has no
    shared strings for, `strings.toml` gets all strings.

    Raises CampaignError for an invalid tag, FileExistsError if the language exists, and other OSErrors.
    """
    if not _TAG.fullmatch(tag):
        raise CampaignError(f"{tag!r} is not a language tag; use one such as es, pt-BR or de-CH")
    target = folder / tag
    shutil.copytree(folder / like, target)
    brought, ours = _SHARED / "languages" / f"{tag}.toml", _SHARED / "languages" / f"{like}.toml"
    if not brought.exists() and ours.exists():
        file = target / "strings.toml"
        file.write_text(_together(ours.read_text(encoding="utf-8"), file.read_text(encoding="utf-8")), encoding="utf-8")
    return target


def _together(shared: str, own: str) -> str:
    """Merge two TOML files so that each table and key occurs once; `own` wins."""
    (head, mine), (_, tables) = _tables(own), _tables(shared)
    for name, lines in mine.items():
        keys = {_key(line) for line in lines} - {None}
        tables[name] = [*lines, *(line for line in tables.get(name, []) if _key(line) not in keys)]
    parts = ("\n".join((name, *lines)).rstrip() for name, lines in tables.items())
    return "\n\n".join([head.strip(), *parts]) + "\n"


def _tables(text: str) -> tuple[str, dict[str, list[str]]]:
    """Return the text above the first table, and the lines of each table."""
    head, *tables = re.split(r"(?m)^(?=\[)", text)
    parted = (table.partition("\n") for table in tables)
    return head, {name.strip(): lines.strip("\n").split("\n") for name, _, lines in parted}


def _key(line: str) -> str | None:
    found = re.match(r"(\w+) *=", line)
    return found[1] if found else None
