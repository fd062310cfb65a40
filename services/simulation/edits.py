"""Edits of campaigns while a simulation runs: they put another version in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.compiled import CompiledCampaign
from common.campaigns.errors import CampaignError
from common.domain.cadence import Cadence, Pace
from common.domain.windows import Window
from common.versions.in_force import put_in_force
from common.versions.played import PlayedVersions
from common.versions.replan import update_schedules
from services.simulation.engine import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """
    Puts `compiled` in force `after_ms` after the start; None: the version before the one in force.

    `send_late`: new steps whose day has passed are sent too.
    """

    after_ms: int
    campaign: str
    compiled: CompiledCampaign | None = None
    send_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInForce:
    """A version of a campaign, in force from `since_ms`. `window`: with the zone of contacts whose own is unknown."""

    since_ms: int
    campaign: Campaign
    cadence: Cadence
    window: tuple[Window, ZoneInfo] | None = None
    send_late: bool = False


class VersionSwitch:
    """Puts versions in force, and remembers which version of each campaign was in force when."""

    def __init__(self, simulation: Simulation, folder: Path) -> None:
        """`folder`: gets copies of the versions in force, like a DATA_DIR."""
        self._simulation = simulation
        world, self._pace = simulation.world, simulation.world.settings.pace
        settings = world.settings.model_copy(update={"data_dir": folder})
        self._versions = PlayedVersions(world.campaigns, world.ledger, settings, world.clock)
        simulation.world = replace(world, versions=self._versions)
        self.history: dict[str, list[VersionInForce]] = {}

    async def begin(self) -> None:
        await self._versions.refresh()
        for campaign in self._simulation.world.campaigns.values():
            self._note(campaign)

    async def apply(self, edit: Edit) -> None:
        """Make an edit. Raises CampaignError when it would repeat a text, or when there is nothing to go back to."""
        world = self._simulation.world
        played = world.campaigns.played(edit.campaign)
        target = campaign_of(edit.compiled or self._before(edit.campaign))
        await put_in_force(
            world.ledger,
            played,
            target,
            "apply" if edit.compiled else "rollback",
            self._pace,
            by="scenario",
            at_ms=world.clock.now_ms(),
            send_late=edit.send_late,
        )
        await self._versions.refresh()
        replanning = (await world.ledger.versions.in_force())[edit.campaign].replanning
        if replanning is not None:
            await update_schedules(world.ledger, world.campaigns[edit.campaign], replanning, world.clock)
            self._note(world.campaigns[edit.campaign], send_late=edit.send_late)

    def _before(self, key: str) -> CompiledCampaign:
        history = self.history[key]
        if len(history) < 2:
            raise CampaignError(f"{key}: nothing to go back to; put an edit before the rollback")
        return history[-2].campaign.compiled

    def _note(self, campaign: Campaign, *, send_late: bool = False) -> None:
        now_ms = self._simulation.clock.now_ms()
        self.history.setdefault(campaign.key, []).append(in_force_of(campaign, self._pace, now_ms, send_late=send_late))


def in_force_of(campaign: Campaign, pace: Pace, since_ms: int = 0, *, send_late: bool = False) -> VersionInForce:
    window = campaign.window(pace)
    return VersionInForce(
        since_ms=since_ms,
        campaign=campaign,
        cadence=campaign.cadence(pace),
        window=(window, campaign.zone_of()) if window else None,
        send_late=send_late,
    )
