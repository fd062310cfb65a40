"""What `plan`, `apply` and `rollback` share: both versions of each campaign, and the people under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import load_campaigns
from common.clock import SystemClock
from common.formatting import count
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.versions.in_force import VersionAction, put_in_force, read_plan
from common.versions.plan import Plan, plan_json
from common.versions.replan import update_schedules
from services.cli.error_lines import CommandFailed
from services.cli.shared import now_ms, open_ledger, print_table, record_action, settings_with_store, user_name

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenVersions:
    """
    `in_force`: the versions in force, which `ledger` plays. `files`: the campaigns on disk; the same object as the one
    in force if they are equal.
    """

    settings: Settings
    ledger: Ledger
    files: dict[str, Campaign]
    in_force: dict[str, Campaign]

    def chosen(self, name: str | None) -> list[str]:
        """Return the key of one campaign, or all keys. Raises CommandFailed if one is not played or not in force."""
        if name is not None and name not in self.files:
            raise CommandFailed(f"{name} is not played here; there are: {', '.join(self.files)}")
        keys = [name] if name else [*self.files]
        if missing := [key for key in keys if not self.in_force[key].is_in_force]:
            raise CommandFailed(f"no version of {missing[0]} is in force yet; a worker's first start puts it in force")
        return keys


def with_versions(run_in: Callable[[OpenVersions], Awaitable[Result]]) -> Result:
    """Run a function that needs the files and the versions in force."""

    async def run() -> Result:
        async with _opened(settings_with_store()) as versions:
            return await run_in(versions)

    return asyncio.run(run())


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[OpenVersions]:
    played = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    on_disk = dict(played)
    async with open_ledger(settings, campaigns=played) as ledger:
        files = {key: played[key] if one.compiled == played[key].compiled else one for key, one in on_disk.items()}
        yield OpenVersions(settings=settings, ledger=ledger, files=files, in_force=dict(played))


async def plan_of(versions: OpenVersions, target: Campaign, *, send_late: bool = False) -> Plan:
    """Return what this version would change."""
    source, pace = versions.in_force[target.key], versions.settings.pace
    return await read_plan(versions.ledger, source, target, pace, now_ms=now_ms(), send_late=send_late)


@dataclass(slots=True, kw_only=True)
class VersionChange:
    """A plan, and what was done. `people_replanned`: None if nothing was done, or while a worker changes the plans."""

    plan: Plan
    is_applied: bool = False
    people_replanned: int | None = None

    def fields(self) -> dict[str, Any]:
        """Return the change for `--json`."""
        return {**plan_json(self.plan), "applied": self.is_applied, "people_replanned": self.people_replanned}

    @property
    def result(self) -> str:
        if self.people_replanned is None:
            return "a worker changes the plans of those under way"
        return f"the plans of {self.people_replanned} {'person' if self.people_replanned == 1 else 'people'} changed"


async def change_version(
    versions: OpenVersions,
    target: Campaign,
    action: VersionAction,
    changes: list[VersionChange],
    *,
    send_late: bool = False,
    prints: bool,
) -> None:
    """
    Plan the switch to `target`, make it unless it is in force, and adapt the schedules. `changes` gets the result, also
    that of a switch that is refused. `prints`: print the plan and the result.

    Raises CommandFailed when another version was put in force meanwhile, and RepeatedText.
    """
    change = VersionChange(plan=await plan_of(versions, target, send_late=send_late))
    changes.append(change)
    if prints:
        print_plan(change.plan)
    if change.plan.source == change.plan.target:
        return
    await _put_in_force(versions, target, action, change, send_late=send_late)
    if prints:
        again = " again" if action == "rollback" else ""
        click.echo(f"{target.key}: version {target.version} is in force{again}; {change.result}")


async def _put_in_force(
    versions: OpenVersions, target: Campaign, action: VersionAction, change: VersionChange, *, send_late: bool
) -> None:
    ledger, clock, key = versions.ledger, SystemClock(), target.key
    source, pace = versions.in_force[key], versions.settings.pace
    applied = await put_in_force(
        ledger, source, target, action, pace, by=user_name(), at_ms=clock.now_ms(), send_late=send_late
    )
    if not applied.is_done:
        raise CommandFailed(f"{key}: another version was put in force meanwhile, or is being; run the command again")
    change.is_applied = True
    if applied.is_new:
        await record_action(ledger, action, [key], before=source.version, after=target.version)
    replanning = (await ledger.versions.in_force())[key].replanning
    if replanning is not None:
        change.people_replanned = await update_schedules(ledger, target, replanning, clock)


def print_plan(plan: Plan) -> None:
    if plan.source == plan.target:
        click.echo(f"{plan.campaign}: version {plan.source} is in force already; nothing would change")
        return
    if not plan.changes and not plan.settings:
        click.echo(f"{plan.campaign}: from version {plan.source} to {plan.target}; no mail and no schedule changes")
        return
    people = count(plan.people, "person is", "people are")
    click.echo(f"{plan.campaign}: from version {plan.source} to {plan.target}; {people} under way")
    rows: Sequence[Sequence[object]] = [
        (change.kind, change.step or "every mail", change.people) for change in plan.changes
    ]
    if rows:
        print_table(["change", "step", "#people"], rows)
    if plan.settings:
        click.echo(f"besides the mails: {', '.join(plan.settings)}")
    if plan.due_at_once:
        people = count(plan.due_at_once, "person gets", "people get")
        click.secho(f"due at once: {people} a mail as soon as this is applied", fg="yellow")
    for line in plan.repeated:
        click.secho(f"refused: {line}", fg="red")
    _print_counts(plan)


def _print_counts(plan: Plan) -> None:
    segments = sorted({segment for counts in plan.counts.values() for segment in counts})
    if segments:
        click.echo("still to come:")
        rows = [(step, *(counts.get(segment, 0) for segment in segments)) for step, counts in plan.counts.items()]
        print_table(["step", *(f"#{segment}" for segment in segments)], rows)
