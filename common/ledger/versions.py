"""Versions of campaigns: which one is in force, which were before, and who put them in force."""

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
    """This process uses a version of a campaign that is not the one in force. The argument is the campaign's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanning:
    """
    Schedules are being changed from version `source` to `version`.

    `send_late`: also send new steps whose day has passed.
    """

    version: str
    source: str
    send_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentVersion:
    """
    What the store knows about one campaign.

    `version`: the version in force, None without one. `replanning`: set while some schedules do not follow it yet;
    `replanned_ms`: when a process last worked on that.
    """

    version: str | None = None
    replanning: Replanning | None = None
    replanned_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One change of the version in force. `source`: the version before, None for the first. `by`: who changed it."""

    version: str
    source: str | None
    action: Action
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step of the version in force. `after_ms`: due this long after the anchor. `is_new`: new in this version."""

    name: str
    after_ms: int
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplannedEnrollment:
    """An enrollment to be replanned. `segment`: the one that follows from its assessment, which is of `assessed_ms`."""

    id: str
    segment: str
    assessed_ms: str


@dataclass(frozen=True, slots=True)
class Applied:
    """
    The result of `Versions.apply`.

    `is_done`: the version is in force now. `instead`: the version in force, if it is not the expected `source`, or if
    schedules are still being changed to it; "" for none. `is_new`: this call put it in force, not an earlier one.
    """

    is_done: bool
    instead: str | None = field(default=None)
    is_new: bool = field(default=False)


class Versions:
    """The versions of all campaigns. Raises as `Store.run` does; repeating a change changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def in_force(self) -> Mapping[str, CurrentVersion]:
        """Return the version in force by campaign, without campaigns that have none."""
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
        """Return the compiled campaign of a version, as it was put in force, or None if it is not stored."""
        client = self._store.client
        found: str | None = texts(await self._store.call(lambda: client.hget(keys.versions(campaign), version)))
        return found

    async def log(self, campaign: str) -> list[LogEntry]:
        """Return the campaign's changes of version, oldest first."""
        client = self._store.client
        lines = await self._store.call(lambda: client.lrange(keys.version_log(campaign), 0, -1))
        return [LogEntry(**json.loads(line)) for line in lines]

    async def is_unversioned(self) -> bool:
        """
        Return whether contacts signed up before versions were stored, and nobody has said yet which version they get.
        """
        client = self._store.client
        return bool(await self._store.call(lambda: client.exists(keys.UNVERSIONED)))

    async def apply(
        self, campaign: str, entry: LogEntry, *, compiled: str = "", send_late: bool = False, replans: bool = True
    ) -> Applied:
        """
        Put `entry.version` in force instead of `entry.source`, for all processes at once.

        `compiled`: the campaign as JSON, or "" if the version is stored already. `replans`: there may be unfinished
        enrollments, so no step of the campaign is sent before `finish_replan`.
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
        people: Sequence[ReplannedEnrollment],
        *,
        now_ms: int,
        send_late: bool = False,
    ) -> int | None:
        """
        Plan the waiting steps of these enrollments as the version in force says. Return how many enrollments changed.

        Returns None if another version is in force, or nothing is being replanned.
        """
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
        """Record that every schedule follows this version. Return False if another version is in force."""
        return bool(await self._store.run("versions.finish_replan", [], [campaign, version]))
