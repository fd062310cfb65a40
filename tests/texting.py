"""The packaged campaign, with SMS enabled."""

from __future__ import annotations

import shutil
from pathlib import Path

from common.campaigns import loader
from common.campaigns.loader import Campaign, load_campaign

KEY = "christmas_2025"


def texting_folder(home: Path, *, more: str = "") -> Path:
    """Write the campaign into `home`, a folder of campaigns, and return the folder. `more`: lines for its `[sms]`."""
    shutil.copytree(Path(loader.__file__).parent / KEY, home / KEY)
    manifest = home / KEY / "campaign.toml"
    manifest.write_text(manifest.read_text().replace("enabled = false", f"enabled = true\n{more}"))
    return home


def texting_campaign(home: Path, *, more: str = "") -> Campaign:
    return load_campaign(KEY, directory=texting_folder(home, more=more))
