"""`advent campaign send-test ADDRESS`"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from services.cli.arguments import address
from services.cli.error_lines import CommandFailed
from services.cli.shared import now_ms, open_world, settings_with_store

if TYPE_CHECKING:
    from common.campaigns.campaign import Campaign
    from common.campaigns.messages import Rendered
    from common.settings.settings import Settings


@click.command()
@click.argument("email", metavar="ADDRESS", callback=address)
@click.option("--campaign", "name", metavar="NAME", help="By default the first campaign.")
@click.option("--language", metavar="TAG", help="Such as fr-CA; by default the campaign's default language.")
@click.option("--segment", metavar="NAME", help="By default the first segment.")
@click.option("--step", metavar="ID", help="Only this mail, such as step-2 or 24h; by default all.")
def command(email: str, name: str | None, language: str | None, segment: str | None, step: str | None) -> None:
    """
    Send the mails of a campaign, as a made-up person gets them, to an address of your own.

    Each subject begins with [Test], the unsubscribe link does nothing, and nothing is counted: not in the ledger, not
    in Notion, not in the metrics.
    """
    from actors.sending.test_mail import sample_mails
    from common.campaigns.loader import load_campaign

    settings = settings_with_store()
    campaign = load_campaign(name or settings.campaign_keys[0], directory=settings.campaigns_dir)
    tag = _one_of(language, campaign.languages, "--language")
    who = _one_of(segment, campaign.segments, "--segment")
    chosen = [*sample_mails(campaign, settings, language=tag, segment=who, mail=step)]
    if not chosen:
        known = [*(one.id for one in campaign.steps), *(one.name for one in campaign.reminders)]
        raise click.BadParameter(f"there is no such mail; there are: {', '.join(known)}", param_hint="--step")
    asyncio.run(_send(settings, campaign, email, chosen))
    click.echo(f"{len(chosen)} test mail{'s' if len(chosen) > 1 else ''} to {email}")


def _one_of(given: str | None, known: tuple[str, ...], option: str) -> str:
    if given is not None and given not in known:
        raise click.BadParameter(f"unknown value {given!r}; there are: {', '.join(known)}", param_hint=option)
    return given or known[0]


async def _send(settings: Settings, campaign: Campaign, email: str, chosen: list[Rendered]) -> None:
    from actors.sending.test_mail import TestRefused, check_recipient, send_test

    async with open_world(settings) as world:
        try:
            await check_recipient(world, email)
        except TestRefused as refusal:
            raise CommandFailed(str(refusal)) from None
        sent_ms = now_ms()
        for number, mail in enumerate(chosen):
            await send_test(world, campaign, mail, to=email, key=f"{sent_ms}/{number}")
