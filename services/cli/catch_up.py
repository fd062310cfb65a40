"""The plan that `advent resume` shows: how many mails are sent at once and in each hour, and what has expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from common.formatting import duration
from services.cli.shared import clock_time, print_table

if TYPE_CHECKING:
    from common.ledger.reads.catch_up_plan import Plan

HOURS_SHOWN = 24
LATE_MAILS_SHOWN = 10


def print_plan(plan: Plan) -> None:
    if not plan.late and not plan.expired:
        click.echo("nothing is overdue")
        return
    click.echo(_at_once(plan))
    if plan.late:
        are = "is" if len(plan.late) == 1 else "are"
        click.echo(f"{len(plan.late)} {are} sent late in all, the last at {clock_time(plan.late[-1].at_ms)} UTC\n")
        print_table(["hour (UTC)", "#late", "#on time"], [(clock_time(ms), *rest) for ms, *rest in _shown(plan)])
        rows = [
            (plan.addresses[mail.who], mail.name, clock_time(mail.due_ms), clock_time(mail.at_ms))
            for mail in plan.late[:LATE_MAILS_SHOWN]
        ]
        click.echo()
        print_table(["first", "mail", "was due (UTC)", "sent at (UTC)"], rows)
    if plan.expired:
        click.echo()
        rows_expired = [(email, what, clock_time(ms)) for email, what, ms in plan.expired]
        print_table(["expired", "reminder", "of the meeting at (UTC)"], rows_expired)


def _at_once(plan: Plan) -> str:
    if not plan.at_once:
        return "no mail is sent at once"
    time = f", which takes {duration(plan.at_once_takes_ms)}" if plan.at_once > 1 else ""
    mails = "1 mail is" if plan.at_once == 1 else f"{plan.at_once} mails are"
    return f"{mails} sent at once, at {plan.per_second:g} a second{time}"


def _shown(plan: Plan) -> list[tuple[int, int, int]]:
    """Return the first hours in which late mails are sent, without the empty hours between them."""
    return [hour for hour in plan.hours if hour[1]][:HOURS_SHOWN]
