"""`advent campaign send-test ADDRESS`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from services.cli.arguments import address
from services.cli.error_lines import CommandFailed
from services.cli.shared import now_ms, open_world, settings_with_store

if TYPE_CHECKING:
    from common.campaigns.campaign import Campaign
    from common.campaigns.facts import Identity
    from common.campaigns.samples import Sample
    from common.domain.mail import Mail
    from common.settings.settings import Settings

MARK = "[Test] "


@click.command()
@click.argument("email", metavar="ADDRESS", callback=address)
@click.option("--campaign", "name", metavar="NAME", help="By default the first one.")
@click.option("--language", metavar="TAG", help="Such as fr-CA; by default the campaign's default language.")
@click.option("--segment", metavar="NAME", help="By default the first one.")
@click.option("--step", metavar="ID", help="Only this mail, such as step-2 or 24h; by default all.")
def command(email: str, name: str | None, language: str | None, segment: str | None, step: str | None) -> None:
    """
    Send the mails of a campaign, as a made-up person gets them, to an address of your own.

    Each subject begins with [Test], the unsubscribe link does nothing, and nothing is counted: not in the ledger, not
    in Notion, not in the metrics.
    """
    from common.campaigns.loader import load_campaign

    settings = settings_with_store()
    campaign = load_campaign(name or settings.campaign_keys[0], directory=settings.campaigns_dir)
    tag = _one_of(language, campaign.languages, "--language")
    chosen = [*_chosen(campaign, settings, tag, _one_of(segment, campaign.segments, "--segment"), step)]
    if not chosen:
        known = [*(one.id for one in campaign.steps), *(one.name for one in campaign.reminders)]
        raise click.BadParameter(f"there is none; there are: {', '.join(known)}", param_hint="--step")
    asyncio.run(_send(settings, campaign.identity(settings.identity), email, chosen))
    click.echo(f"{len(chosen)} test mail{'s' if len(chosen) > 1 else ''} to {email}")


def _one_of(given: str | None, known: tuple[str, ...], option: str) -> str:
    if given is not None and given not in known:
        raise click.BadParameter(f"there is none; there are: {', '.join(known)}", param_hint=option)
    return given or known[0]


def _chosen(campaign: Campaign, settings: Settings, language: str, segment: str, step: str | None) -> Iterator[Sample]:
    from common.campaigns import samples

    link = f"{settings.public_address}/unsubscribe/test"
    who = campaign.identity(settings.identity)
    mails = samples.mails(campaign, who, kind="full", language=language, unsubscribe_url=link, segments=[segment])
    for sample in mails:
        if step in (None, sample.delivery):
            yield sample


async def _send(settings: Settings, identity: Identity, email: str, chosen: list[Sample]) -> None:
    if not settings.may_mail(email):
        raise CommandFailed(f"TESTING_RECIPIENTS: {email} is not among them, and TESTING_MODE is on; add it")
    async with open_world(settings) as world:
        if await world.ledger.suppressions.of(email):
            raise CommandFailed(f"{email} receives no mail; `advent unsuppress` ends that, or take another address")
        sent_ms = now_ms()
        for number, sample in enumerate(chosen):
            await world.mail_budget.take()
            mail = _mail(identity, email, sample, reference=f"test-{sent_ms}-{number}")
            await world.mailer.send(mail, idempotency_key=f"test/{sent_ms}/{number}")


def _mail(identity: Identity, email: str, sample: Sample, *, reference: str) -> Mail:
    """Without tags: no webhook brings it back as a delivery. Without headers for one click: the link does nothing."""
    from common.domain.mail import Mail

    return Mail(
        sender=identity.sender,
        to=email,
        subject=MARK + sample.mail.subject,
        html=sample.mail.html,
        text=sample.mail.text,
        reply_to=identity.reply_to,
        headers={"X-Entity-Ref-ID": reference},
        tags={},
        attachments=sample.attachments,
    )
