"""Test mails: marked, with an unsubscribe link that does nothing, and counted nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from common.campaigns import samples
from common.campaigns.campaign import Campaign
from common.campaigns.messages import Rendered
from common.domain.mail import Mail
from common.settings.settings import Settings
from common.world import World

MARK: Final = "[Test] "


class TestRefused(Exception):
    """No test mail may be sent to this address; the text says why and what to do."""

    __test__ = False


def sample_mails(
    campaign: Campaign, settings: Settings, *, language: str, segment: str, mail: str | None = None
) -> Iterator[Rendered]:
    """Return the mails as a made-up contact gets them. `mail`: the name of the only one wanted, `step-1` or `24h`."""
    found = samples.mails(
        campaign,
        campaign.identity(settings.identity),
        kind="full",
        language=language,
        unsubscribe_url=unsubscribe_url(settings),
        segments=[segment],
        delivery=mail,
    )
    return (sample.mail for sample in found)


def unsubscribe_url(settings: Settings) -> str:
    """Return a link to an unsubscribe page that belongs to no contact."""
    return f"{settings.public_address}/unsubscribe/test"


async def check_recipient(world: World, to: str) -> None:
    """Raise TestRefused if no test mail may be sent to this address."""
    if not world.settings.may_mail(to):
        raise TestRefused(f"TESTING_RECIPIENTS: {to} is not among them, and TESTING_MODE is on; add it")
    if await world.ledger.suppressions.of(to):
        raise TestRefused(f"{to} receives no mail; `advent unsuppress` ends that, or take another address")


async def send_test(world: World, campaign: Campaign, mail: Rendered, *, to: str, key: str) -> str:
    """
    Send a test mail at once, within the rate limit of all mail. Return the provider's id. Raises a `Failure`.

    `key`: the same when sending is repeated, so that the provider recognises the repetition.
    """
    await world.mail_budget.take()
    return await world.mailer.send(_mail(world.settings, campaign, mail, to, key), idempotency_key=f"test/{key}")


def _mail(settings: Settings, campaign: Campaign, mail: Rendered, to: str, key: str) -> Mail:
    """Build the mail without tags, so that no webhook counts it, and without one-click unsubscribe headers."""
    identity = campaign.identity(settings.identity)
    return Mail(
        sender=identity.sender,
        to=to,
        subject=MARK + mail.subject,
        html=mail.html,
        text=mail.text,
        reply_to=identity.reply_to,
        headers={"X-Entity-Ref-ID": f"test-{key.replace('/', '-')}"},
        tags={},
        attachments=mail.attachments,
    )
