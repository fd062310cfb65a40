"""Whether a claimed mail waits for its campaign's sending window, and the time zone of its reader."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from common.campaigns.campaign import Campaign
from common.domain.delivery import Kind
from common.domain.enrollment import Enrollment
from common.ledger.deliveries import ClaimGranted
from common.ledger.owners import Owned
from common.world import World

OUTSIDE_WINDOW: Final = "outside the sending window"


async def next_opening_ms(world: World, claim: ClaimGranted) -> int | None:
    """
    When the window opens for this mail; None: it may go now.

    Reminders know no window here: they were planned earlier instead, and one that is late is needed at once. What an
    earlier attempt may have sent does not wait either, because the provider remembers its key for a day only.
    """
    campaign = world.campaigns.of(claim.campaign)
    window = campaign.window(world.settings.pace)
    if window is None or claim.delivery.kind is Kind.REMINDER or claim.outcome_unknown:
        return None
    now_ms = world.clock.now_ms()
    opening_ms = window.opening_ms(now_ms, await reader_zone(world, campaign, claim))
    return opening_ms if opening_ms > now_ms else None


async def reader_zone(world: World, campaign: Campaign, item: Owned) -> ZoneInfo:
    """The time zone of a person: from the signup, else from their last call, else the campaign's."""
    owner = item.owner
    if not isinstance(owner, Enrollment):
        return campaign.zone_of(owner.timezone)
    if owner.assessment.timezone:
        return campaign.zone_of(owner.assessment.timezone)
    return campaign.zone_of(*await world.ledger.bookings.timezones(owner.contact_id))
