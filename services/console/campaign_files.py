"""The current campaign files on this machine, as `advent campaign plan` reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.campaigns.loader import folder_of, load_campaign

_Fingerprint = list[tuple[str, int, int]]


class CampaignFiles:
    """
    Loads campaigns from their files and caches them.

    Loading takes a second of processor time, so a campaign is loaded again only when one of its files has changed.
    """

    def __init__(self, directory: Path | None) -> None:
        """`directory`: CAMPAIGNS_DIR, or None for the packaged campaigns."""
        self._directory = directory
        self._loaded: dict[str, tuple[_Fingerprint, Campaign | CampaignError]] = {}
        self._loading = asyncio.Lock()

    async def read(self, key: str) -> Campaign:
        """Raises CampaignError, which names the file, what is wrong and the cure."""
        async with self._loading:
            found = await asyncio.to_thread(self._read, key)
        if isinstance(found, CampaignError):
            raise CampaignError(str(found))
        return found

    async def differing_from(self, played: Mapping[str, Campaign]) -> tuple[str, ...]:
        """Return the keys of campaigns whose files now differ from the version in force, or cannot be read."""
        return tuple([key for key, campaign in played.items() if campaign.is_in_force and await self._differ(campaign)])

    async def _differ(self, campaign: Campaign) -> bool:
        try:
            return (await self.read(campaign.key)).compiled != campaign.compiled
        except CampaignError:
            return True

    def _read(self, key: str) -> Campaign | CampaignError:
        try:
            seen = _fingerprint(folder_of(key, self._directory))
        except CampaignError as error:
            return error
        if key not in self._loaded or self._loaded[key][0] != seen:
            self._loaded[key] = (seen, self._load(key))
        return self._loaded[key][1]

    def _load(self, key: str) -> Campaign | CampaignError:
        try:
            return load_campaign(key, directory=self._directory)
        except CampaignError as error:
            return error


def _fingerprint(folder: Path) -> _Fingerprint:
    """Return path, modification time (ns) and size of every file."""
    found = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            state = file.stat()
            found.append((str(file), state.st_mtime_ns, state.st_size))
    return found
