"""`advent campaign apply [NAME]`"""

from __future__ import annotations

import click

from services.cli.campaign.plan import late_option
from services.cli.campaign.versions import (
    OpenVersions,
    plan_of,
    print_plan,
    put_in_force,
    replanning_result,
    with_versions,
)


@click.command()
@click.argument("name", required=False)
@late_option
def command(name: str | None, late: bool) -> None:
    """
    Put the files on disk in force, for all processes at once; `advent campaign plan` shows first what that changes.

    Mails that have been attempted are sent unchanged. Each person's days still count from the same signup. While
    schedules are changed, a few seconds for 10,000 people, no mail of the campaign is sent. NAME: one campaign; by
    default all that are played.
    """
    with_versions(lambda versions: _apply(versions, name, late=late))


async def _apply(versions: OpenVersions, name: str | None, *, late: bool) -> None:
    for key in versions.chosen(name):
        target = versions.files[key]
        plan = await plan_of(versions, target, send_late=late)
        print_plan(plan)
        if plan.source == plan.target:
            continue
        changed = await put_in_force(versions, target, "apply", send_late=late)
        click.echo(f"{key}: version {target.version} is in force; {replanning_result(changed)}")
