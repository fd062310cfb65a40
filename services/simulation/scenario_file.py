"""Read a scenario from a file: edits of the campaigns, calls, and faults of the providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from common.campaigns.campaign import Campaign
from common.campaigns.files import TomlFile, read_toml
from common.campaigns.loader import load_campaign
from common.campaigns.manifest import duration_ms
from services.simulation.edits import Edit
from services.simulation.scenarios import Scenario


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
    edits: tuple[_EditEntry, ...] = ()
    calls: float = Field(default=0.0, ge=0, le=1)
    faults: float = Field(default=0.0, ge=0, le=0.5)


def read_scenario(file: Path, scenario: Scenario, campaigns: Mapping[str, Campaign]) -> Scenario:
    """
    Return `scenario` with the file's edits, ordered by time, and its shares of calls and faults.

    Folders are relative to the file. Raises CampaignError, which names the file, the line and the cure, also when an
    edited campaign is wrong.
    """
    source = read_toml(file)
    written = source.validated(_ScenarioFile)
    edits = sorted(_edits(source, written, file.parent, campaigns), key=lambda edit: edit.after_ms)
    return replace(scenario, edits=tuple(edits), calls=written.calls, faults=written.faults)


def _edits(source: TomlFile, written: _ScenarioFile, home: Path, campaigns: Mapping[str, Campaign]) -> Iterator[Edit]:
    for number, entry in enumerate(written.edits):
        if entry.campaign not in campaigns:
            problem = f"{entry.campaign!r} is not simulated; there are: {', '.join(campaigns)}"
            raise source.error(("edits", number, "campaign"), problem)
        compiled = None
        if entry.folder is not None:
            if not (home / entry.folder / entry.campaign).is_dir():
                problem = f"no folder {entry.campaign} in {home / entry.folder}; put the edited campaign there"
                raise source.error(("edits", number, "folder"), problem)
            compiled = load_campaign(entry.campaign, directory=home / entry.folder).compiled
        yield Edit(after_ms=entry.after, campaign=entry.campaign, compiled=compiled, send_late=entry.late)
