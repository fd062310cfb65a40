"""From a claim to the mail that is frozen, and the key under which it is handed over."""

from __future__ import annotations

from actors.sending.build_mail import enveloped, way_out
from actors.sending.render_reminder import compose_reminder
from common.domain.mail import Mail
from common.ledger.answers import Claim, ReminderClaimGranted
from common.world import World


def compose(world: World, claim: Claim) -> Mail:
    """Render one step or reminder for one person. Raises `CampaignError` when a blank would result."""
    if isinstance(claim, ReminderClaimGranted):
        return compose_reminder(world, claim)
    enrollment = claim.enrollment
    link = way_out(world, enrollment.id, claim.address)
    rendered = world.campaign.render(
        claim.step,
        enrollment.assessment,
        segment=enrollment.segment,
        identity=world.settings.identity,
        unsubscribe_url=link,
    )
    return enveloped(world, claim.address, rendered, link, {"enrollment": enrollment.id, "step": f"step-{claim.step}"})


def idempotency_key(world: World, claim: Claim) -> str:
    """`christmas_2025/enr_…/step-3`, `christmas_2025/bkg_…/<start>/24h`: the same on each attempt, on any machine."""
    return f"{world.campaign.key}/{claim.delivery_id}"
