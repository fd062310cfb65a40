"""
The campaign versions that a process plays: those in force in the store, whatever its files contain.

A process reads them at its start, every two seconds, and when the ledger refuses a plan of another version. A change
therefore applies to all processes at once, and a process that was started on older files plays what the others play.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import structlog

from common.background import repeat
from common.campaigns.campaign import Campaign, stored_campaign
from common.campaigns.campaigns import Campaigns
from common.campaigns.compiled import from_json
from common.campaigns.errors import CampaignError
from common.clock import Clock
from common.domain.cadence import Pace
from common.ledger.ledger import Ledger
from common.ledger.versions import Action, CurrentVersion, LogEntry
from common.observability import metrics
from common.processes import user_name
from common.settings.settings import Settings
from common.versions.local_copy import LocalCopies, StoredVersion
from common.versions.replan import update_schedules

POLL_S = 2.0
STALLED_MS = 5_000
"""When no process has updated the schedules for this long, another one continues."""

UNVERSIONED = (
    "people signed up before versions of campaigns were kept, and nothing says which texts they got; look at `advent"
    " preview`, then `advent migrate --yes` puts the campaigns of these files in force for them"
)

log = structlog.get_logger(__name__)


class VersionUndecided(CampaignError):
    """A person must decide which version is in force for contacts who signed up before there were versions."""


class PlayedVersions:
    """
    Keeps `campaigns`, and the terms of `ledger`, at the versions in force. Raises as `Store.run` does.

    `on_change`: called with each campaign whose version has changed in this process. `replans`: this process finishes
    updates of schedules that another process did not finish.
    """

    def __init__(
        self,
        campaigns: Campaigns,
        ledger: Ledger,
        settings: Settings,
        clock: Clock,
        *,
        on_change: Callable[[Campaign], None] = lambda _: None,
        replans: bool = False,
    ) -> None:
        self._campaigns, self._ledger, self._settings, self._clock = campaigns, ledger, settings, clock
        self._on_change, self._replans = on_change, replans
        self._files = dict(campaigns)
        self._copies = LocalCopies(settings.data_dir)
        self.differing: tuple[str, ...] = ()
        """The campaigns whose files are not the version in force."""

    def use_copies(self) -> None:
        """Play the copies of versions in this DATA_DIR until the store answers. Raises CampaignError."""
        for key in self._files:
            if (stored := self._copies.read(key)) is not None:
                self._play(key, stored)

    async def refresh(self) -> None:
        """
        Play the versions in force. For a campaign without one, put a version in force.

        Raises CampaignError for a version that this Advent cannot read, and VersionUndecided.
        """
        in_force = await self._ledger.versions.in_force()
        for key in self._files:
            found = in_force.get(key)
            if found is None:
                await self._put_in_force(key)
            elif found.version != self._version_of(key):
                await self._load(key, str(found.version))
        self._compare()
        if self._replans:
            await self._continue_replanning(in_force)

    async def run(self) -> None:
        """Refresh every two seconds until cancelled. Raises CampaignError if this Advent cannot read a version."""
        await repeat(
            "campaign_versions",
            self._refresh_if_decided,
            every_s=POLL_S,
            at_once=False,
            ends_with=(CampaignError,),
        )

    async def _refresh_if_decided(self) -> None:
        with contextlib.suppress(VersionUndecided):  # Workers reported it and did not start; a gateway plays its files.
            await self.refresh()

    def _version_of(self, key: str) -> str | None:
        campaign = self._campaigns[key]
        return campaign.version if campaign.is_in_force else None

    async def _put_in_force(self, key: str) -> None:
        """Put in force the version that this process plays, else the copy in DATA_DIR, else (first start) its files."""
        played, versions = self._campaigns[key], self._ledger.versions
        known = StoredVersion(version=played.version, compiled=played.compiled.to_json())
        action: Action = "from DATA_DIR"
        is_unversioned = await versions.is_unversioned()
        if not played.is_in_force:
            copied = self._copies.read(key)
            if copied is None and is_unversioned and self._settings.is_real:
                raise VersionUndecided(UNVERSIONED)
            known, action = copied or known, "from DATA_DIR" if copied else "first start"
        entry = LogEntry(
            version=known.version, source=None, action=action, by=user_name("a process"), at_ms=self._clock.now_ms()
        )
        applied = await versions.apply(key, entry, compiled=known.compiled, replans=is_unversioned)
        if applied.is_done:
            log.info("campaign_version_applied", campaign=key, version=known.version, action=action)
            self._play(key, known)
        elif applied.instead:
            await self._load(key, applied.instead)

    async def _load(self, key: str, version: str) -> None:
        text = await self._ledger.versions.text(key, version)
        if text is None:
            raise CampaignError(
                f"{key}: the store names version {version} and has not kept it; apply the campaign again"
            )
        self._play(key, StoredVersion(version=version, compiled=text))
        log.info("campaign_version_loaded", campaign=key, version=version)

    def _play(self, key: str, stored: StoredVersion) -> None:
        files = self._files[key]
        # The name of a version identifies its content, so a version that the files contain is not read again.
        is_same = stored.version == files.version
        campaign = files.as_in_force() if is_same else stored_campaign(stored.compiled, stored.version)
        self._ledger.replace(campaign.terms(self._settings.pace))
        self._campaigns.replace(campaign)
        self._copies.write(key, stored)
        self._on_change(campaign)

    def _compare(self) -> None:
        before = self.differing
        self.differing = tuple(
            key for key, files in self._files.items() if files.compiled != self._campaigns[key].compiled
        )
        for key in self._files:
            metrics.CAMPAIGN_FILES_DIFFER.labels(key).set(key in self.differing)
            if key in self.differing and key not in before:
                log.warning("campaign_files_differ", campaign=key, in_force=self._campaigns[key].version, cure=CURE)

    async def _continue_replanning(self, in_force: Mapping[str, CurrentVersion]) -> None:
        for key, found in in_force.items():
            is_stalled = found.replanned_ms + STALLED_MS < self._clock.now_ms()
            if found.replanning and is_stalled and self._campaigns.get(key) is not None:
                await update_schedules(self._ledger, self._campaigns[key], found.replanning, self._clock)


CURE = "`advent campaign plan` says what would change, `advent campaign apply` puts the files in force"


def differs_line(keys: tuple[str, ...]) -> str:
    """Return one line for people."""
    return f"the files of {', '.join(keys)} differ from the version in force and wait to be applied; {CURE}"


async def differing_from(campaigns: Campaigns, ledger: Ledger) -> tuple[str, ...]:
    """Return those of these campaigns, read from files, for which another version is in force."""
    found = await ledger.versions.in_force()
    texts = {key: await ledger.versions.text(key, str(found[key].version)) for key in campaigns if key in found}
    return tuple(key for key, text in texts.items() if text and from_json(text) != campaigns[key].compiled)


async def other_versions(campaign: Campaign, ledger: Ledger) -> list[Campaign]:
    """Return the other versions that were ever in force, newest first, without those that this Advent cannot read."""
    entries = await ledger.versions.log(campaign.key)
    names = dict.fromkeys(entry.version for entry in reversed(entries) if entry.version != campaign.version)
    found = []
    for version in names:
        try:
            if text := await ledger.versions.text(campaign.key, version):
                found.append(stored_campaign(text, version))
        except CampaignError as error:
            log.warning("campaign_version_unreadable", campaign=campaign.key, version=version, error=str(error))
    return found


async def use_versions_in_force(campaigns: Campaigns, ledger: Ledger, pace: Pace) -> None:
    """Replace each campaign, for a command, by the version of it that is in force in the store, if there is one."""
    for key, found in (await ledger.versions.in_force()).items():
        if key in campaigns and found.version and (text := await ledger.versions.text(key, found.version)):
            campaign = stored_campaign(text, found.version)
            campaigns.replace(campaign)
            ledger.replace(campaign.terms(pace))
