"""`advent rebuild`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from services.cli.shared import json_option, print_json, with_world

if TYPE_CHECKING:
    from actors.upkeep.rebuild import Summary
    from common.world import World


@click.command()
@json_option
def command(as_json: bool) -> int:
    """
    Rebuild every enrollment from Notion into an empty store.

    Reads every row of the campaign, and asks Resend for what it accepted that Notion does not show. The sequences go on
    where they were, nobody is sent anything twice, and who left stays gone. Safe to repeat, and while workers run: what
    the store knows already stays as it is. Exit status 1 when a row could not be read; the others are restored.
    """
    summary = with_world(_rebuild, plans=True)
    if as_json:
        print_json(asdict(summary))
    else:
        _tell(summary)
    return 1 if summary.unreadable else 0


async def _rebuild(world: World) -> Summary:
    from actors.upkeep.rebuild import rebuild, rows_of
    from common.ledger.rebuild_state import settled
    from common.store.secret_key import is_the_stores_async

    # An empty store is begun with this key: who left is marked with it.
    await is_the_stores_async(world.ledger.client, world.settings.secret)
    rows = rows_of(world)
    try:
        summary = await rebuild(world, rows, say=lambda line: click.echo(f"  {line}", err=True))
    finally:
        await rows.close()
    await settled(world.ledger, now_ms=world.clock.now_ms())
    return summary


def _tell(summary: Summary) -> None:
    click.echo(f"{summary.rows} rows read from Notion")
    for number, what in (
        (summary.restored, "people restored"),
        (summary.merged, "people known already, to whom something was added"),
        (summary.known, "people known already"),
        (summary.forgotten, "people who were forgotten, and whose rows were not: delete them in Notion"),
        (summary.found, "mails that Resend accepted and Notion does not show yet"),
        (summary.in_doubt, "mails of which nobody can tell yet; never sent blindly"),
        (summary.dead, "mails that failed or were skipped before (advent dead list)"),
    ):
        if number or what == "people restored":
            click.echo(f"{number:>8} {what}")
    for note in summary.notes:
        click.secho(note, fg="yellow")
    for row in summary.unreadable:
        click.secho(f"not restored: {row.who} (page {row.page_id}): {row.reason}", fg="red")
    if summary.unreadable:
        click.echo("Mend these rows in Notion and run `advent rebuild` again; it adds them to the others.")
