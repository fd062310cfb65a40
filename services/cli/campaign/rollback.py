"""`advent campaign rollback [NAME]`"""

from __future__ import annotations

from collections.abc import Sequence

import click

from common.campaigns.campaign import stored_campaign
from common.ledger.versions import LogEntry
from services.cli.campaign.versions import (
    OpenVersions,
    changed_people,
    plan_of,
    print_plan,
    put_in_force,
    with_versions,
)
from services.cli.error_lines import CommandFailed
from services.cli.shared import record_action


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """
    Put the version before in force again, for all processes at once.

    Steps that the version in force had taken out wait again, where their day is still to come. The files on disk stay
    as they are.
    """
    with_versions(lambda versions: _roll_back(versions, name))


async def _roll_back(versions: OpenVersions, name: str) -> None:
    versions.chosen(name)
    current, ledger = versions.in_force[name], versions.ledger
    before = version_before(current.version, await ledger.versions.log(name))
    text = await ledger.versions.text(name, before) if before else None
    if before is None or text is None:
        raise CommandFailed(f"{name}: version {current.version} is the first one; there is none to go back to")
    target = stored_campaign(text, before)
    print_plan(await plan_of(versions, target))
    changed = await put_in_force(versions, target, "rollback")
    await record_action(ledger, "rollback", [name], before=str(current.version), after=before)
    click.echo(f"{name}: version {before} is in force again; {changed_people(changed)}")


def version_before(current: str, log: Sequence[LogEntry]) -> str | None:
    """The version that this one replaced when it was applied; going back twice goes back by two."""
    forward = [entry for entry in log if entry.version == current and entry.action != "rollback"]
    return forward[-1].source if forward else None
