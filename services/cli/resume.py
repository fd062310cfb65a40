"""`advent resume`"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from common.domain.ids import normal_address
from services.cli.address import address
from services.cli.catch_up import Plan, plan_for_all, plan_for_one, print_plan
from services.cli.pause import known, told, words
from services.cli.shared import json_option, now_ms, open_ledger, print_json, settings_with_store

if TYPE_CHECKING:
    from common.ledger.pauses import Pause


@click.command()
@click.option("--contact", callback=address, metavar="EMAIL", help="Resume one person instead of everybody.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would happen, and change nothing.")
@json_option
def command(contact: str | None, only_plan: bool, as_json: bool) -> None:
    """
    Go on after `advent pause`, and show first what becomes of what is overdue.

    Overdue mails of one person keep the campaign's minimum gap, so that nobody gets several at once; all keep the
    provider's rate; reminders whose meeting has begun expire.
    """
    stood, plan, all_paused = asyncio.run(_resume(contact, only_plan=only_plan))
    if as_json:
        resumed = stood is not None and not only_plan
        print_json({"resumed": resumed, **told(stood, contact), "plan": plan.figures()})
        return
    whom = normal_address(contact) if contact else "everybody"
    if stood is None:
        click.echo(f"{whom} is not paused" if contact else "the campaign is not paused")
    else:
        click.echo(f"{whom} is paused {words(stood)}")
    print_plan(plan)
    if stood is not None:
        click.echo("nothing changed; without --plan it goes ahead" if only_plan else f"resumed {whom}")
    if contact and all_paused is not None:
        click.echo(f"everybody is paused {words(all_paused)}; `advent resume` ends that")


async def _resume(contact: str | None, *, only_plan: bool) -> tuple[Pause | None, Plan, Pause | None]:
    settings = settings_with_store(plans=True)
    now, rate = now_ms(), settings.resend_requests_per_second
    async with open_ledger(settings) as ledger:
        whose = await known(ledger, contact)
        pauses = await ledger.pauses.active()
        if whose is None:
            stood, plan = pauses.everybody, await plan_for_all(ledger, now_ms=now, per_second=rate)
        else:
            stood, plan = pauses.people.get(whose), await plan_for_one(ledger, whose, now_ms=now, per_second=rate)
        if stood is not None and not only_plan:
            await ledger.pauses.finish(whose, now_ms=now)
        return stood, plan, pauses.everybody
