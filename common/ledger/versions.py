"""Versions of campaigns: which one is in force, what was before, and who said so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic_core import to_json

from common.ledger import keys
from common.ledger.store import Store, texts

Action = Literal["first start", "apply", "rollback", "migrate", "from DATA_DIR"]


class AnotherVersion(Exception):
    """This process plays another version of the campaign, its argument, than the one in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanning:
    """Schedules are being made to follow `version`, after `source`; `send_late`: new steps too whose day has passed."""

    version: str
    source: str
    send_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentVersion:
    """
    What the store knows of one campaign. `version`: None where none is in force.

    `replanning`: schedules do not all follow it yet; `replanned_ms`: when somebody last worked on that.
    """

    version: str | None = None
    replanning: Replanning | None = None
    replanned_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """`source`: the version before, None for the first one. `by`: who said so."""

    version: str
    source: str | None
    action: Action
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step of the version in force, `after_ms` the anchor; `is_new`: the version before had it not."""

    name: str
    after_ms: int
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanned:
    """A person, and the segment that the assessment of that time leads to."""

    id: str
    segment: str
    assessed_ms: str


@dataclass(frozen=True, slots=True)
class Applied:
    """
    `is_done`: this version is in force now. `instead`: the one that is, when it is another than was expected. `is_new`:
    this call put it in force, and no earlier one.
    """

    is_done: bool
    instead: str | None = field(default=None)
    is_new: bool = field(default=False)


class Versions:
    """Of all campaigns. Raises as `Store.run` does; repeating a change changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def in_force(self) -> Mapping[str, CurrentVersion]:
        """By campaign; those of which the store has none are not there."""
        fields = await self._store.read_hash(keys.IN_FORCE)
        found = {}
        for campaign in (name for name in fields if " " not in name):
            replanning = fields.get(f"{campaign} replanning")
            found[campaign] = CurrentVersion(
                version=fields[campaign],
                replanning=Replanning(**json.loads(replanning)) if replanning else None,
                replanned_ms=int(fields.get(f"{campaign} replanned_ms", "0")),
            )
        return found

    async def text(self, campaign: str, version: str) -> str | None:
        """The compiled campaign, as it was put in force."""
        client = self._store.client
        found: str | None = texts(await self._store.patiently(lambda: client.hget(keys.versions(campaign), version)))
        return found

    async def log(self, campaign: str) -> list[LogEntry]:
        """Oldest first."""
        client = self._store.client
        lines = await self._store.patiently(lambda: client.lrange(keys.version_log(campaign), 0, -1))
        return [LogEntry(**json.loads(line)) for line in lines]

    async def is_unversioned(self) -> bool:
        """Whether people signed up before versions were kept, and nobody has said yet which one they are to get."""
        client = self._store.client
        return bool(await self._store.patiently(lambda: client.exists(keys.UNVERSIONED)))

    async def apply(
        self, campaign: str, entry: LogEntry, *, compiled: str = "", send_late: bool = False, replans: bool = True
    ) -> Applied:
        """
        Put `entry.version` in force in the place of `entry.source`, for all processes at once.

        `compiled`: the campaign as JSON; "": the version is kept already. `replans`: people may be under way, so
        nothing is sent of the campaign until `finish_replan`.
        """
        replanning = Replanning(version=entry.version, source=entry.source or "", send_late=send_late)
        given = {
            "campaign": campaign,
            "version": entry.version,
            "from": entry.source,
            "replanning": json.dumps(asdict(replanning)) if replans else None,
            "at_ms": entry.at_ms,
        }
        names = [keys.versions(campaign), keys.version_log(campaign), keys.UNVERSIONED]
        said = json.dumps(asdict(entry), ensure_ascii=False)
        answer, *rest = await self._store.run_json("versions.apply", names, given, compiled, said)
        return Applied(answer in ("applied", "already"), rest[0] if rest else None, answer == "applied")

    async def replan(
        self,
        campaign: str,
        version: str,
        steps: Sequence[PlannedStep],
        people: Sequence[Replanned],
        *,
        now_ms: int,
        send_late: bool = False,
    ) -> int | None:
        """Plan what waits of these people as the version says: how many it changed; None: another one is in force."""
        given: dict[str, Any] = {
            "campaign": campaign,
            "version": version,
            "now_ms": now_ms,
            "send_late": send_late,
            "steps": [asdict(step) for step in steps],
            "people": [asdict(person) for person in people],
        }
        changed = int(await self._store.run("versions.replan", [], [to_json(given)]))
        return changed if changed >= 0 else None

    async def finish_replan(self, campaign: str, version: str) -> bool:
        """Every schedule follows this version; False: another one is in force."""
        return bool(await self._store.run("versions.finish_replan", [], [campaign, version]))
