"""Render a delivery into the SMS that is frozen: its number, if the contact agreed, its text and its expiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actors.sending.render import NotSent, RemovedFromCampaign
from common.campaigns.campaign import Campaign
from common.domain.contact import Assessment
from common.domain.series import Booking
from common.domain.sms import Sms
from common.ledger.owners import Owned
from common.meetings import meeting_of
from common.normalization.phone import mobile_number
from common.readers import Reader, read_reader
from common.world import World

NO_CONSENT = "no consent to SMS"
NO_NUMBER = "no mobile number"
LATE = "late: quiet hours have begun"

HANDED_OVER_WITHIN_MS = 30_000
"""No SMS is sent within this time before quiet hours begin: it would arrive during them."""

STUCK_MS = 36_000_000
"""After this time the provider drops an undelivered SMS that does not expire with its call: Twilio's maximum."""


async def render_sms(world: World, item: Owned) -> Sms:
    """
    Render one reminder or follow-up for its contact.

    Raises `NotSent` with the reason when it must not be sent, otherwise like `render`.
    """
    campaign = world.campaigns.played(item.campaign)
    booking, name, trigger = item.owner, item.delivery.plan_name, item.delivery.trigger
    follow_ups = {(one.name, one.on) for one in campaign.sms_follow_ups}
    if (name, trigger) not in follow_ups | {(one.name, None) for one in campaign.sms_reminders}:
        raise RemovedFromCampaign(name)
    assert isinstance(booking, Booking)
    reader = await read_reader(world.ledger, campaign, item)
    meeting = meeting_of(world.settings, booking, booking.start_ms or 0, reader.signup)
    identity = campaign.identity(world.settings.identity)
    return Sms(
        to=_number(booking, reader.signups),
        body=campaign.messages.render_sms(name, meeting, identity, reader.language),
        valid_until_ms=_valid_until_ms(world, campaign, item, reader),
        reference={"delivery": item.delivery.id, "contact": item.contact_id},
    )


async def frozen_sms(world: World, item: Owned, payload: str) -> Sms:
    """
    Return the SMS that an earlier attempt froze, with the same number and text to the byte.

    Its expiry is computed anew, because an SMS that waited for a day has later quiet hours. Raises `NotSent` in quiet
    hours.
    """
    campaign = world.campaigns.played(item.campaign)
    reader = await read_reader(world.ledger, campaign, item)
    return replace(Sms.thawed(payload), valid_until_ms=_valid_until_ms(world, campaign, item, reader))


def _valid_until_ms(world: World, campaign: Campaign, item: Owned, reader: Reader) -> int:
    """Return when the SMS expires: when the call or quiet hours begin. Raises `NotSent` if quiet hours are near."""
    now_ms = world.clock.now_ms()
    latest_ms = item.delivery.expires_ms or now_ms + STUCK_MS
    if (window := campaign.sms_window(world.settings.pace)) is None:
        return latest_ms
    closing_ms = window.closing_ms(now_ms, reader.zone)
    if closing_ms is None or closing_ms - now_ms < HANDED_OVER_WITHIN_MS:
        raise NotSent(LATE)
    return min(latest_ms, closing_ms)


def _number(booking: Booking, people: Sequence[Assessment]) -> str:
    """
    Return the number given for reminders when booking, otherwise that of a signup that agreed to SMS.

    A number alone is not consent. Raises `NotSent` if there is no consent, or no mobile number.
    """
    agreed = [one.agreed_number for one in people if one.agrees_to_sms]
    given = [booking.sms_number] if booking.sms_number else agreed
    if not given:
        raise NotSent(NO_CONSENT)
    number = next((found for one in given if one and (found := mobile_number(one))), None)
    if number is None:
        raise NotSent(NO_NUMBER)
    return number
