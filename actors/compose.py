"""From a claim to the mail that is frozen: content, sender, the way out, and the tags its events bring back."""

from __future__ import annotations

from common.domain.mail import Mail
from common.domain.suppression import Unsubscribe
from common.ledger.answers import Go
from common.world import World


def compose(world: World, claim: Go) -> Mail:
    """Render one step for one person. Raises `CampaignError` when a blank would result."""
    enrollment = claim.enrollment
    person = enrollment.assessment
    identity = world.settings.identity
    token = Unsubscribe(enrollment.id, world.ledger.mark(person.email)).token(world.settings.secret)
    link = f"{world.settings.public_address}/unsubscribe/{token}"
    rendered = world.campaign.render(
        claim.step, person, segment=enrollment.segment, identity=identity, unsubscribe_url=link
    )
    return Mail(
        sender=identity.sender,
        to=person.email,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        reply_to=identity.reply_to,
        # RFC 8058: the mail client posts to the link without asking the person anything more.
        headers={"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        tags={"campaign": world.campaign.key, "enrollment": enrollment.id, "step": f"step-{claim.step}"},
    )


def idempotency_key(world: World, claim: Go) -> str:
    """`christmas_2025/enr_…/step-3`: the same on each attempt, on any machine."""
    return f"{world.campaign.key}/{claim.delivery_id}"
