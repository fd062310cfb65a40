"""From a claim to the SMS that is frozen: to whom, if they agreed, and until when it may still be delivered."""

from __future__ import annotations

from collections.abc import Sequence

from actors.sending.render import NoLongerThere, NotSent, reader_of
from common.domain.contact import Assessment
from common.domain.series import Booking
from common.domain.text import Text
from common.ledger.owners import Owned
from common.meetings import meeting_of
from common.normalization.phone import mobile_number
from common.world import World

NO_CONSENT = "no consent to SMS"
NO_NUMBER = "no mobile number"
LATE = "late: quiet hours have begun"

HANDED_OVER_WITHIN_MS = 30_000
"""So long before quiet hours begin none is handed over any more: it would arrive in them."""


async def render_sms(world: World, item: Owned) -> Text:
    """
    One reminder for one person.

    Raises `NotSent` with the reason when it must not go, and else as `render`.
    """
    campaign = world.campaigns.played(item.campaign)
    booking, name = item.owner, item.delivery.plan_name
    if name not in {reminder.name for reminder in campaign.sms_reminders}:
        raise NoLongerThere(name)
    assert isinstance(booking, Booking)
    assert booking.start_ms is not None, "what was planned has a start"
    reader = await reader_of(world, campaign, item)
    meeting = meeting_of(world.settings, booking, booking.start_ms, next(iter(reader.signups), None))
    until_ms = booking.start_ms
    if (window := campaign.sms_window(world.settings.pace)) is not None:
        now_ms = world.clock.now_ms()
        closing_ms = window.closing_ms(now_ms, campaign.zone_of(meeting.timezone))
        if closing_ms is None or closing_ms - now_ms < HANDED_OVER_WITHIN_MS:
            raise NotSent(LATE)
        until_ms = min(until_ms, closing_ms)
    return Text(
        to=_number(booking, reader.signups),
        body=campaign.messages.render_sms(name, meeting, campaign.identity(world.settings.identity), reader.language),
        valid_until_ms=until_ms,
        reference={"delivery": item.delivery.id, "contact": item.contact_id},
    )


def _number(booking: Booking, people: Sequence[Assessment]) -> str:
    """
    The number that was given for reminders when booking; else that of a signup which agreed to SMS.

    A number alone is no consent.
    """
    said = [(one.sms_consent, one.phone) for one in people if one.sms_consent is not None]
    agreed = [consent.number or phone for consent, phone in said if consent.is_given]
    given = [booking.sms_number] if booking.sms_number else agreed
    if not given:
        raise NotSent(NO_CONSENT)
    number = next((found for one in given if one and (found := mobile_number(one))), None)
    if number is None:
        raise NotSent(NO_NUMBER)
    return number
