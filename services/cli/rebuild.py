"""`advent rebuild`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from services.cli.progress import line_bar
from services.cli.shared import json_option, print_json, with_world

if TYPE_CHECKING:
    from actors.upkeep.rebuild import Summary
    from common.world import World


@click.command()
@json_option
def command(as_json: bool) -> int:
    """
    Rebuild every enrollment from Notion into an empty store.

    It reads every row of each campaign, and Resend's list for accepted mails that Notion does not show. Sequences
    continue where they were, nobody gets a mail twice, and contacts who left stay out. Safe to repeat, also while
    workers run: what the store already has is not changed. Exit status 1 if a row could not be read; the others are
    restored.
    """
    summary = with_world(_rebuild, plans=True)
    if as_json:
        print_json(asdict(summary))
    else:
        _print(summary)
    return 1 if summary.unreadable else 0


async def _rebuild(world: World) -> Summary:
    from actors.upkeep.rebuild import combine, rebuild, rows_of
    from common.ledger.rebuild_state import record_rebuild_done
    from common.observability.logs import setup_logs
    from common.store.identity import secret_key_matches_async

    setup_logs("rebuild", world.settings)  # To stderr, so that log lines stay out of the output.
    # An empty store adopts this SECRET_KEY, because suppressed addresses are hashed with it.
    await secret_key_matches_async(world.ledger.client, world.settings.secret)
    summaries = []
    with line_bar() as say:
        for campaign in world.campaigns.values():
            rows = rows_of(world, campaign)
            try:
                summaries.append(await rebuild(world, rows, campaign=campaign, say=say))
            finally:
                await rows.close()
    await record_rebuild_done(world.ledger, now_ms=world.clock.now_ms())
    return combine(summaries)


def _print(summary: Summary) -> None:
    click.echo(f"{summary.rows} rows read from Notion")
    for number, what in (
        (summary.restored, "people restored"),
        (summary.merged, "people already known, with data added from Notion"),
        (summary.known, "people already known"),
        (summary.forgotten, "people who were forgotten but still have rows: delete them in Notion"),
        (summary.found, "mails that Resend accepted and Notion does not show yet"),
        (summary.outcomes_unknown, "mails whose outcome is not known yet; each is checked before it is sent again"),
        (summary.dead, "mails that failed or were skipped before (advent dead list)"),
    ):
        if number or what == "people restored":
            click.echo(f"{number:>8} {what}")
    for note in summary.notes:
        click.secho(note, fg="yellow")
    for email in summary.unknown_exits:
        click.secho(f"left for a reason that Notion does not show, so suppressed: {email}", fg="yellow")
    if summary.unknown_exits:
        click.echo("To let one of them come back: `advent unsuppress EMAIL`. Their sequences stay ended.")
    for row in summary.unreadable:
        click.secho(f"not restored: {row.who} (page {row.page_id}): {row.reason}", fg="red")
    if summary.unreadable:
        click.echo("Fix these rows in Notion and run `advent rebuild` again; it adds them to the others.")
