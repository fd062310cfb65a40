"""`advent campaign rollback NAME`"""

from __future__ import annotations

import click

from common.versions.in_force import campaign_before
from services.cli.campaign.versions import OpenVersions, VersionChange, change_version, with_versions
from services.cli.error_lines import CommandFailed
from services.cli.shared import json_option, print_json


@click.command()
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """
    Put the previous version in force again, for all processes at once.

    Steps that the current version had removed are planned again if their day is still to come. The files on disk are
    not changed.
    """
    changes: list[VersionChange] = []

    async def roll_back(versions: OpenVersions) -> None:
        versions.chosen(name)
        current = versions.in_force[name]
        target = await campaign_before(versions.ledger, current)
        if target is None:
            raise CommandFailed(f"{name}: version {current.version} is the first one; there is none to go back to")
        await change_version(versions, target, "rollback", changes, prints=not as_json)

    try:
        with_versions(roll_back)
    finally:
        if as_json and changes:
            print_json(changes[0].fields())
