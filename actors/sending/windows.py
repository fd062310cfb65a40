"""Decide whether a claimed delivery waits for its campaign's sending window."""

from __future__ import annotations

from typing import Final

from common.domain.delivery import Channel, Kind
from common.ledger.deliveries import ClaimGranted
from common.readers import read_reader
from common.world import World

OUTSIDE_WINDOW: Final = "outside the sending window"

BEFORE_QUIET_MS = 60_000
"""An SMS that is due within this time before quiet hours waits too: otherwise it might arrive during them."""


async def next_opening_ms(world: World, claim: ClaimGranted) -> int | None:
    """
    Return when the window opens for this delivery, or None if it may be sent now. An SMS waits for the end of quiet
    hours instead.

    A reminder never waits here: its plan already moved it to an earlier time, and a late one is needed at once. A
    delivery that an earlier attempt may have sent does not wait either: the provider remembers its key for only a day.
    """
    campaign, pace = world.campaigns.get_or_default(claim.campaign), world.settings.pace
    is_sms = claim.delivery.channel is Channel.SMS
    window = campaign.sms_window(pace) if is_sms else campaign.window(pace)
    if window is None or claim.delivery.kind is Kind.REMINDER or claim.outcome_unknown:
        return None
    now_ms, zone = world.clock.now_ms(), (await read_reader(world.ledger, campaign, claim, needs_zone=True)).zone
    closing_ms = window.closing_ms(now_ms, zone) if is_sms else None
    if closing_ms is not None and closing_ms - now_ms < BEFORE_QUIET_MS:
        return window.opening_ms(closing_ms, zone)
    opening_ms = window.opening_ms(now_ms, zone)
    return opening_ms if opening_ms > now_ms else None
