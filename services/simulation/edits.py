"""Edits of campaigns while a simulation runs: what a scenario's file says, and the switch to another version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.compiled import CompiledCampaign
from common.campaigns.errors import CampaignError
from common.campaigns.files import TomlFile, read_toml
from common.campaigns.loader import load_campaign
from common.campaigns.manifest import duration_ms
from common.domain.cadence import Cadence, Pace
from common.domain.windows import Window
from common.ledger.versions import Action, LogEntry
from common.versions.people import people_of
from common.versions.plan import Comparison, Plan
from common.versions.played import PlayedVersions
from common.versions.replan import make_schedules_follow
from services.simulation.engine import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """`after_ms` the start, `compiled` is put in force; None: the version before the one in force."""

    after_ms: int
    campaign: str
    compiled: CompiledCampaign | None = None
    send_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInForce:
    """A version of a campaign from `since_ms` on. `window`: with the zone of people whose own is not known."""

    since_ms: int
    campaign: Campaign
    cadence: Cadence
    window: tuple[Window, ZoneInfo] | None = None
    send_late: bool = False


class VersionSwitch:
    """Plays each campaign by the version in force, and remembers which one that was when."""

    def __init__(self, simulation: Simulation, folder: Path) -> None:
        """`folder`: where the versions in force are copied to, as in a DATA_DIR."""
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

    async def apply(self, edit: Edit) -> Plan:
        """Raises CampaignError for a plan that would repeat a text, or when there is nothing to go back to."""
        world = self._simulation.world
        played = world.campaigns.played(edit.campaign)
        target = campaign_of(edit.compiled or self._before(edit.campaign))
        plan = await self._plan(played, target, edit)
        if plan.repeated:
            raise CampaignError(f"{edit.campaign}: {plan.repeated[0]}")
        action: Action = "apply" if edit.compiled else "rollback"
        entry = LogEntry(
            version=target.version, source=played.version, action=action, by="scenario", at_ms=world.clock.now_ms()
        )
        compiled = target.compiled.to_json()
        await world.ledger.versions.apply(edit.campaign, entry, compiled=compiled, send_late=edit.send_late)
        await self._versions.refresh()
        replanning = (await world.ledger.versions.in_force())[edit.campaign].replanning
        if replanning is not None:
            await make_schedules_follow(world.ledger, world.campaigns[edit.campaign], replanning, world.clock)
            self._note(world.campaigns[edit.campaign], send_late=edit.send_late)
        return plan

    def _before(self, key: str) -> CompiledCampaign:
        history = self.history[key]
        if len(history) < 2:
            raise CampaignError(f"{key}: nothing to go back to; put an edit before the rollback")
        return history[-2].campaign.compiled

    async def _plan(self, source: Campaign, target: Campaign, edit: Edit) -> Plan:
        world = self._simulation.world
        comparison = Comparison(source, target, self._pace, now_ms=world.clock.now_ms(), send_late=edit.send_late)
        async for person in people_of(world.ledger, edit.campaign):
            comparison.add(person)
        return comparison.plan(reminded={})

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


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _EditEntry(_Table):
    after: Annotated[int, BeforeValidator(duration_ms)]
    campaign: str
    folder: str | None = None
    rollback: bool = False
    late: bool = False

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.folder is None) != self.rollback:
            raise ValueError('name the folder that the edited campaign is in, or write "rollback = true"')
        return self


class _ScenarioFile(_Table):
    edits: tuple[_EditEntry, ...] = Field(min_length=1)


def read_edits(file: Path, campaigns: Mapping[str, Campaign]) -> tuple[Edit, ...]:
    """
    What a scenario's file says, in the order of time; folders are looked for next to it.

    Raises CampaignError naming the file, the line and the cure, also for what is wrong in an edited campaign.
    """
    source = read_toml(file)
    return tuple(sorted(_edits(source, file.parent, campaigns), key=lambda edit: edit.after_ms))


def _edits(source: TomlFile, home: Path, campaigns: Mapping[str, Campaign]) -> Iterator[Edit]:
    for number, entry in enumerate(source.validated(_ScenarioFile).edits):
        if entry.campaign not in campaigns:
            problem = f"{entry.campaign!r} is not simulated; there are: {', '.join(campaigns)}"
            raise source.error(("edits", number, "campaign"), problem)
        compiled = None
        if entry.folder is not None:
            if not (home / entry.folder / entry.campaign).is_dir():
                problem = f"no folder {entry.campaign} in {home / entry.folder}; put the edited one there"
                raise source.error(("edits", number, "folder"), problem)
            compiled = load_campaign(entry.campaign, directory=home / entry.folder).compiled
        yield Edit(after_ms=entry.after, campaign=entry.campaign, compiled=compiled, send_late=entry.late)
