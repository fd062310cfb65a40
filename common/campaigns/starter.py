"""The files with which a new campaign begins: few, whole, and meant to be rewritten."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from common.campaigns.errors import CampaignError

_STARTER = Path(__file__).parent / "shared" / "starter"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_PLACEHOLDER = "New Campaign"
"""Stands for the campaign's name in the files."""


def create(key: str, home: Path) -> Path:
    """
    The directory `key` in `home`, which is made if necessary.

    Raises CampaignError for a name that cannot be one, FileExistsError for one that is taken, OSError as files do.
    """
    if not _NAME.fullmatch(key):
        raise CampaignError(f"{key!r} cannot be a campaign's name; use lower-case letters, digits and _: spring_2026")
    folder = home / key
    home.mkdir(parents=True, exist_ok=True)
    folder.mkdir()
    shutil.copytree(_STARTER, folder, dirs_exist_ok=True)
    title = key.replace("_", " ").title()
    for file in folder.rglob("*.toml"):
        file.write_text(file.read_text(encoding="utf-8").replace(_PLACEHOLDER, title), encoding="utf-8")
    return folder
