"""A reminder of a booked call, in words; from its claim to its fate it goes the way of every delivery (`send.py`)."""

from __future__ import annotations

from actors.sending.build_mail import enveloped, way_out
from common.campaigns.facts import Meeting
from common.clock import utc_datetime
from common.domain.mail import Mail
from common.domain.reminders import ReminderRules
from common.domain.series import Booking
from common.ledger.answers import ReminderClaimGranted
from common.world import World


def compose_reminder(world: World, claim: ReminderClaimGranted) -> Mail:
    """
    Render one reminder. Raises `CampaignError` when a blank would result, KeyError when the campaign has it no longer.

    Its tags name the delivery, booking/start/reminder, and whose call it is: the id that their enrollment has or would
    have.
    """
    booking = claim.booking
    assert booking.start_ms is not None, "what was planned has a start"
    link = way_out(world, claim.contact_id, claim.address)
    meeting = meeting_of(booking, booking.start_ms)
    rendered = world.campaign.render_reminder(claim.name, meeting, world.settings.identity, link)
    tags = {
        "enrollment": claim.contact_id,
        "booking": booking.id,
        "start": str(booking.start_ms),
        "reminder": claim.name,
    }
    return enveloped(world, claim.address, rendered, link, tags)


def meeting_of(booking: Booking, start_ms: int) -> Meeting:
    """What a reminder says of a call that starts at this instant."""
    return Meeting(
        first_name=booking.first_name,
        start=utc_datetime(start_ms),
        timezone=booking.timezone,
        title=booking.title,
        join_url=booking.join_url,
        organizer=booking.organizer,
    )


def rules(world: World) -> ReminderRules:
    """When this campaign reminds, at this pace."""
    pace = world.settings.pace
    return ReminderRules(
        before_ms=tuple((reminder.name, reminder.before.at(pace)) for reminder in world.campaign.reminders),
        minimum_notice_ms=world.campaign.booking.minimum_notice.at(pace),
    )
