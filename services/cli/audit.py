"""`advent audit`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from services.cli.shared import json_option, print_json, print_table, with_world

if TYPE_CHECKING:
    from actors.audit import Report
    from common.domain.audit import Finding, Kind
    from common.world import World

KINDS: tuple[Kind, ...] = ("missing", "doubled", "unexplained")


@click.command()
@json_option
def command(as_json: bool) -> int:
    """
    Compare what the ledger says, what Resend lists and what Notion shows.

    Missing: said to be accepted, and not listed; or long due, with nobody to send it. Doubled: more than one mail of
    one step to one person. Unexplained: a mail or a date that the ledger does not know, or that Notion lacks. Exit
    status 1 unless all are 0. Safe beside workers; it reads all mails since the first signup, within the rates.
    """
    report = with_world(_audit)
    if as_json:
        print_json(_figures(report))
    else:
        _tell(report)
    return 1 if report.findings else 0


async def _audit(world: World) -> Report:
    from actors.audit import audit
    from common.providers.notion_rows import SequenceRows

    rows = SequenceRows(
        world.settings,
        world.ledger.client,
        clock=world.clock,
        budget=world.mirror_budget,
        campaign_name=world.campaign.name,
    )
    try:
        return await audit(world, rows, say=lambda line: click.echo(f"  {line}", err=True))
    finally:
        await rows.close()


def _figures(report: Report) -> dict[str, Any]:
    return {
        **{kind: [_line(finding) for finding in report.of(kind)] for kind in KINDS},
        "counts": {
            **{kind: len(report.of(kind)) for kind in KINDS},
            "people": report.people,
            "sent": report.sent,
            "mails": report.mails,
            "rows": report.rows,
        },
    }


def _line(finding: Finding) -> dict[str, Any]:
    return {"email": finding.email, "step": finding.step or None, "what": finding.what}


def _tell(report: Report) -> None:
    click.echo(
        f"{report.people} people, {report.sent} mails sent; Resend lists {report.mails}, Notion has {report.rows} rows"
    )
    if report.findings:
        rows = [(found.kind, found.email, found.step or "", found.what) for found in report.findings]
        print_table(["", "address", "#step", "what"], rows)
    color = "red" if report.findings else "green"
    click.secho(" · ".join(f"{len(report.of(kind))} {kind}" for kind in KINDS), fg=color)
