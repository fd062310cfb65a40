"""`advent campaign apply [NAME]`"""

from __future__ import annotations

import click

from services.cli.campaign.plan import late_option
from services.cli.campaign.versions import OpenVersions, VersionChange, change_version, with_versions
from services.cli.shared import json_option, print_json


@click.command()
@click.argument("name", required=False)
@late_option
@json_option
def command(name: str | None, late: bool, as_json: bool) -> None:
    """
    Put the files on disk in force, for all processes at once; `advent campaign plan` shows first what that changes.

    Mails that have been attempted are sent unchanged. Each person's days still count from the same signup. While
    schedules are changed, a few seconds for 10,000 people, no mail of the campaign is sent. NAME: one campaign; by
    default all that are played, up to the first that is refused.
    """
    changes: list[VersionChange] = []

    async def apply(versions: OpenVersions) -> None:
        for key in versions.chosen(name):
            await change_version(versions, versions.files[key], "apply", changes, send_late=late, prints=not as_json)

    try:
        with_versions(apply)
    finally:  # A program needs to know what was done before a campaign was refused.
        if as_json:
            print_json([change.fields() for change in changes])
