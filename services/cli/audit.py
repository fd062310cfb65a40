"""`advent audit`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from common.clock import iso
from common.formatting import count
from services.cli.progress import line_bar
from services.cli.shared import clock_time, json_option, print_json, print_table, with_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.upkeep.audit import Report
    from common.campaigns.campaign import Campaign
    from common.domain.audit import Finding, Kind
    from common.world import World

LINES = 4
"""Progress lines for each campaign: ledger, Resend, Twilio, Notion."""
KINDS: tuple[Kind, ...] = ("missing", "doubled", "unexplained")


@click.command()
@click.option("--campaign", metavar="NAME", help="One campaign instead of all.")
@json_option
def command(campaign: str | None, as_json: bool) -> int:
    """
    Compare the ledger with the lists of Resend and Twilio, and with Notion.

    It covers the steps of a sequence and the reminders of calls. Missing: the ledger says that a mail was accepted, but
    the provider does not list it; or a mail is long overdue and nothing will send it. Doubled: one person got a step or
    a reminder more than once. Unexplained: a mail or a date that the ledger does not know, or that Notion lacks. Exit
    status 1 unless all three are 0. Safe while workers run; it reads all mails since the first signup, within the rate
    limits.
    """
    report = with_world(lambda world: _audit(world, campaign), plans=True)
    if as_json:
        print_json(_figures(report))
    else:
        _print(report)
    return 1 if report.findings else 0


async def _audit(world: World, campaign: str | None) -> Report:
    from actors.upkeep.audit import combine

    played = [world.campaigns.played(campaign)] if campaign else [*world.campaigns.values()]
    with line_bar(steps=LINES * len(played)) as say:
        return combine([await _audit_one(world, one, say) for one in played])


async def _audit_one(world: World, campaign: Campaign, say: Callable[[str], None]) -> Report:
    from actors.upkeep.audit import audit
    from actors.upkeep.rebuild import rows_of

    rows = rows_of(world, campaign)
    try:
        return await audit(world, rows, campaign=campaign, say=say)
    finally:
        await rows.close()


def _figures(report: Report) -> dict[str, Any]:
    return {
        **{kind: [_line(finding) for finding in report.of(kind)] for kind in KINDS},
        "counts": {
            **{kind: len(report.of(kind)) for kind in KINDS},
            "people": report.people,
            "sent": report.sent,
            "reminders": report.reminders,
            "mails": report.mails,
            "rows": report.rows,
        },
    }


def _line(finding: Finding) -> dict[str, Any]:
    head, _, name = finding.reminder.partition("/")
    reminder = {"reminder": name or None, "call": iso(int(head)) if head.isdecimal() else None}
    return {"email": finding.email, "step": finding.step or None, **reminder, "what": finding.what}


def _print(report: Report) -> None:
    people, mails = count(report.people, "person", "people"), count(report.sent - report.reminders, "mail")
    reminders, rows_in_notion = count(report.reminders, "reminder"), count(report.rows, "row")
    click.echo(f"{people}; {mails} and {reminders} sent; Resend lists {report.mails:,}, Notion has {rows_in_notion}")
    if report.findings:
        rows = [(found.kind, found.email, _which(found), found.what) for found in report.findings]
        print_table(["", "address", "mail", "what"], rows)
    color = "red" if report.findings else "green"
    click.secho(" · ".join(_count(report.of(kind), kind) for kind in KINDS), fg=color)


def _which(finding: Finding) -> str:
    """Return `step 2`, `reminder 24h of 2025-11-24 09:00:00`, `follow-up missed`, or "" for the whole person."""
    if finding.reminder:
        head, _, name = finding.reminder.partition("/")
        return f"reminder {name} of {clock_time(int(head))}" if head.isdecimal() else f"follow-up {name}"
    return f"step {finding.step}" if finding.step else ""


def _count(findings: list[Finding], kind: Kind) -> str:
    """Return a text such as `2 missing (1 of reminders)`."""
    reminders = sum(bool(finding.reminder) for finding in findings)
    return f"{len(findings)} {kind}" + (f" ({reminders} of reminders)" if reminders else "")
