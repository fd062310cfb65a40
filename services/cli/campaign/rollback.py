"""`advent campaign rollback [NAME]`"""

from __future__ import annotations

import click

from common.versions.in_force import campaign_before
from services.cli.campaign.versions import (
    OpenVersions,
    plan_of,
    print_plan,
    put_in_force,
    replanning_result,
    with_versions,
)
from services.cli.error_lines import CommandFailed


@click.command()
@click.argument("name")
def command(name: str) -> None:
    """
    Put the previous version in force again, for all processes at once.

    Steps that the current version had removed are planned again if their day is still to come. The files on disk are
    not changed.
    """
    with_versions(lambda versions: _roll_back(versions, name))


async def _roll_back(versions: OpenVersions, name: str) -> None:
    versions.chosen(name)
    current = versions.in_force[name]
    target = await campaign_before(versions.ledger, current)
    if target is None:
        raise CommandFailed(f"{name}: version {current.version} is the first one; there is none to go back to")
    print_plan(await plan_of(versions, target))
    changed = await put_in_force(versions, target, "rollback")
    click.echo(f"{name}: version {target.version} is in force again; {replanning_result(changed)}")
