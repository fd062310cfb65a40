"""`advent resume`"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from common.domain.ids import EnrollmentId, normal_address
from services.cli.arguments import address
from services.cli.catch_up import print_plan
from services.cli.pause import known_scopes, pause_fields, pause_line, refuse_both
from services.cli.restored import StoreState, read_store_state
from services.cli.shared import json_option, now_ms, open_ledger, print_json, record_action, settings_with_store

if TYPE_CHECKING:
    from common.ledger.pauses import Pause
    from common.ledger.reads.catch_up_plan import Plan


@click.command()
@click.option("--contact", callback=address, metavar="EMAIL", help="Resume mail to one person instead of all mail.")
@click.option("--campaign", metavar="NAME", help="Resume one campaign instead of all mail.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--keep-holds", is_flag=True, help="End only the pause, not the holds that wait for a person.")
@json_option
def command(contact: str | None, campaign: str | None, only_plan: bool, keep_holds: bool, as_json: bool) -> None:
    """
    Show what will happen to overdue mail, then end the pause.

    Overdue mails to one person keep the campaign's minimum gap, so that nobody receives several at once. All mails keep
    the provider's rate limit. Reminders of meetings that have started expire. Holds by Advent itself, such as after a
    store was restored, are shown too; without `--keep-holds`, resuming all mail ends those that
    wait for a person.
    """
    refuse_both(contact, campaign)
    pause, plan, general_pause, store = asyncio.run(
        _resume(contact, campaign, only_plan=only_plan, keep_holds=keep_holds)
    )
    if as_json:
        resumed = pause is not None and not only_plan
        figures = {"plan": plan.figures(), **store.figures()}
        print_json({"resumed": resumed, **pause_fields(pause, contact, campaign), **figures})
        return
    store.print()
    who = campaign or (normal_address(contact) if contact else "everybody")
    if pause is None:
        click.echo(f"{who} is not paused" if contact or campaign else "no pause of all mail is in force")
    else:
        click.echo(f"{who} is paused {pause_line(pause)}")
    print_plan(plan)
    if pause is not None:
        click.echo("nothing was changed; without --plan the pause ends" if only_plan else f"resumed {who}")
    if (contact or campaign) and general_pause is not None:
        click.echo(f"everybody is paused {pause_line(general_pause)}; `advent resume` ends that")


async def _resume(
    contact: str | None, campaign: str | None, *, only_plan: bool, keep_holds: bool
) -> tuple[Pause | None, Plan, Pause | None, StoreState]:
    from common.ledger.reads.catch_up_plan import plan_for_all, plan_for_people

    settings = settings_with_store(plans=True)
    now, rate = now_ms(), settings.resend_requests_per_second
    async with open_ledger(settings) as ledger:
        scopes = await known_scopes(ledger, contact, campaign)
        pauses = await ledger.pauses.active()
        if contact is None:
            pause = pauses.campaigns.get(campaign) if campaign else pauses.everybody
            plan = await plan_for_all(ledger, now_ms=now, per_second=rate, campaign=campaign)
        else:
            people = [EnrollmentId(scope) for scope in scopes if scope is not None]
            pause = next((pauses.contacts[person] for person in people if person in pauses.contacts), None)
            plan = await plan_for_people(ledger, people, now_ms=now, per_second=rate)
        if pause is not None and not only_plan:
            for scope in scopes:
                await ledger.pauses.finish(scope, now_ms=now)
            await record_action(ledger, "resume", [scope or "everybody" for scope in scopes], before="paused")
        is_general = contact is None and campaign is None
        store = await read_store_state(ledger, end_holds=is_general and not only_plan and not keep_holds)
        if store.ended:
            await record_action(ledger, "end hold", ["everybody"], before=", ".join(store.ended))
        return pause, plan, pauses.everybody, store
