"""`advent resume`"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from common.domain.ids import normal_address
from services.cli.arguments import address
from services.cli.catch_up import Plan, plan_for_all, plan_for_one, print_plan
from services.cli.pause import known_scope, pause_fields, pause_line
from services.cli.shared import json_option, now_ms, open_ledger, print_json, settings_with_store

if TYPE_CHECKING:
    from common.ledger.pauses import Pause


@click.command()
@click.option("--contact", callback=address, metavar="EMAIL", help="Resume one person instead of everybody.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would happen, and change nothing.")
@json_option
def command(contact: str | None, only_plan: bool, as_json: bool) -> None:
    """
    End a pause, and show first what happens to overdue mail.

    Overdue mails to one person keep the campaign's minimum gap, so that nobody receives several at once; all mails keep
    the provider's rate limit; reminders of meetings that have started expire.
    """
    pause, plan, general_pause = asyncio.run(_resume(contact, only_plan=only_plan))
    if as_json:
        resumed = pause is not None and not only_plan
        print_json({"resumed": resumed, **pause_fields(pause, contact), "plan": plan.figures()})
        return
    who = normal_address(contact) if contact else "everybody"
    if pause is None:
        click.echo(f"{who} is not paused" if contact else "the campaign is not paused")
    else:
        click.echo(f"{who} is paused {pause_line(pause)}")
    print_plan(plan)
    if pause is not None:
        click.echo("nothing was changed; without --plan the pause ends" if only_plan else f"resumed {who}")
    if contact and general_pause is not None:
        click.echo(f"everybody is paused {pause_line(general_pause)}; `advent resume` ends that")


async def _resume(contact: str | None, *, only_plan: bool) -> tuple[Pause | None, Plan, Pause | None]:
    settings = settings_with_store(plans=True)
    now, rate = now_ms(), settings.resend_requests_per_second
    async with open_ledger(settings) as ledger:
        scope = await known_scope(ledger, contact)
        pauses = await ledger.pauses.active()
        if scope is None:
            pause, plan = pauses.everybody, await plan_for_all(ledger, now_ms=now, per_second=rate)
        else:
            pause, plan = pauses.people.get(scope), await plan_for_one(ledger, scope, now_ms=now, per_second=rate)
        if pause is not None and not only_plan:
            await ledger.pauses.finish(scope, now_ms=now)
        return pause, plan, pauses.everybody
