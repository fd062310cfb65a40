"""Render a delivery into the mail that is frozen, and form its idempotency key. Each kind has a renderer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from common.campaigns.campaign import Campaign
from common.campaigns.messages import Rendered
from common.clock import utc_datetime
from common.domain.cadence import Pace
from common.domain.calendar_link import CalendarLink
from common.domain.delivery import Kind
from common.domain.enrollment import Enrollment
from common.domain.ids import booking_of
from common.domain.mail import Attachment, Mail
from common.domain.reminders import ReminderRules
from common.domain.series import Booking, resolve
from common.domain.suppression import Unsubscribe
from common.domain.windows import local_day
from common.ledger.constants import REMOVED
from common.ledger.owners import Owned
from common.meetings import calendar_entry, calendar_url, link_query, meeting_of
from common.readers import Reader, read_reader
from common.world import World


class NotSent(Exception):
    """The delivery must not be sent; the text is the reason."""


class RemovedFromCampaign(NotSent):
    """The campaign no longer has this step, reminder or follow-up."""

    def __init__(self, name: str) -> None:
        super().__init__(REMOVED)
        self.name = name


async def render(world: World, item: Owned) -> Mail:
    """
    Render one delivery for its contact.

    Raises `CampaignError` when a blank would result, `RemovedFromCampaign`, and, because a signup may be read, what
    `Store.run` raises.
    """
    token = Unsubscribe(item.contact_id, world.ledger.store.address_hash(item.address)).token(world.settings.secret)
    campaign = world.campaigns.played(item.campaign)
    reader = await read_reader(world.ledger, campaign, item)
    query = link_query(campaign, reader.language, is_default=campaign is world.campaigns.default)
    unsubscribe_url = f"{world.settings.public_address}/unsubscribe/{token}{query}"
    content, tags = await _RENDERERS[item.delivery.kind](world, campaign, item, unsubscribe_url, reader)
    identity = campaign.identity(world.settings.identity)
    return Mail(
        sender=identity.sender,
        to=item.address,
        subject=content.subject,
        html=content.html,
        text=content.text,
        reply_to=identity.reply_to,
        headers={
            # RFC 8058: the mail client posts to the link; the reader need not confirm anything.
            "List-Unsubscribe": f"<{unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            # Different for each mail, so that Gmail does not group them into one conversation.
            "X-Entity-Ref-ID": item.delivery.id,
        },
        # The provider's events return these tags, which identify the contact and the delivery.
        tags={"campaign": item.campaign, "enrollment": item.contact_id, **tags},
        attachments=await _attachments(world, campaign, item, reader),
    )


async def _attachments(world: World, campaign: Campaign, item: Owned, reader: Reader) -> tuple[Attachment, ...]:
    """
    Return the call as a calendar entry, if this is a reminder with `attach`.

    The entry shows the call as its events describe it now. If they no longer agree with the mail, nothing is attached.
    """
    booking = item.owner
    attaching = {reminder.name for reminder in campaign.reminders if reminder.attach}
    if item.delivery.kind is not Kind.REMINDER or item.delivery.plan_name not in attaching:
        return ()
    assert isinstance(booking, Booking)
    gathered = await world.ledger.bookings.gather(booking_of(booking.id))
    resolved = {one.id: one for one in resolve(gathered.events, gathered.first_guests)}
    call = resolved.get(booking.id)
    if call is None or call.ical_uid is None or (call.state, call.start_ms) != (booking.state, booking.start_ms):
        return ()
    entry = calendar_entry(world.settings, call, reader.signup, campaign, reader.language)
    return (entry.attachment(now=utc_datetime(world.clock.now_ms())),)


def idempotency_key(item: Owned) -> str:
    """`christmas_2025/enr_…/step-3`, `christmas_2025/bkg_…/<start>/24h`: the same for each attempt, on any machine."""
    return f"{item.campaign}/{item.delivery.id}"


def reminder_rules(campaign: Campaign, pace: Pace) -> ReminderRules:
    """Return when this campaign sends reminders, at this pace."""
    return ReminderRules(
        before_ms=tuple((reminder.name, reminder.before.at(pace)) for reminder in campaign.reminders),
        minimum_notice_ms=campaign.booking.minimum_notice.at(pace),
        window=campaign.window(pace),
        zone=campaign.zone_of(),
        sms_before_ms=tuple((reminder.name, reminder.before.at(pace)) for reminder in campaign.sms_reminders),
        sms_window=campaign.sms_window(pace),
    )


_Tags = Mapping[str, str]


async def _step(
    world: World, campaign: Campaign, item: Owned, unsubscribe_url: str, reader: Reader
) -> tuple[Rendered, _Tags]:
    enrollment, step = item.owner, item.delivery.step
    assert isinstance(enrollment, Enrollment)
    assert step is not None
    if step not in campaign.step_ids:
        raise RemovedFromCampaign(item.delivery.name)
    today = local_day(world.clock.now_ms(), reader.zone) if campaign.compiled.weeks else None
    rendered = campaign.messages.render(
        step,
        enrollment.assessment,
        segment=enrollment.segment,
        identity=campaign.identity(world.settings.identity),
        unsubscribe_url=unsubscribe_url,
        language=reader.language,
        today=today,
    )
    return rendered, {"step": item.delivery.name}


async def _reminder(
    world: World, campaign: Campaign, item: Owned, unsubscribe_url: str, reader: Reader
) -> tuple[Rendered, _Tags]:
    booking, name = item.owner, item.delivery.plan_name
    assert isinstance(booking, Booking)
    if name not in {reminder.name for reminder in campaign.reminders}:
        raise RemovedFromCampaign(name)
    assert booking.start_ms is not None, "what was planned has a start"
    tags = {"booking": booking.id, "start": str(booking.start_ms), "reminder": name}
    return await _render_call_mail(world, campaign, item, booking, unsubscribe_url, reader), tags


async def _follow_up(
    world: World, campaign: Campaign, item: Owned, unsubscribe_url: str, reader: Reader
) -> tuple[Rendered, _Tags]:
    booking, name, trigger = item.owner, item.delivery.plan_name, item.delivery.trigger
    assert isinstance(booking, Booking)
    assert trigger is not None
    if (name, trigger) not in {(one.name, one.on) for one in campaign.follow_ups}:
        raise RemovedFromCampaign(name)
    tags = {"booking": booking.id, "trigger": str(trigger), "follow_up": name}
    return await _render_call_mail(world, campaign, item, booking, unsubscribe_url, reader), tags


async def _render_call_mail(
    world: World, campaign: Campaign, item: Owned, booking: Booking, unsubscribe_url: str, reader: Reader
) -> Rendered:
    link = CalendarLink(booking.id, world.ledger.store.address_hash(item.address))
    query = link_query(campaign, reader.language, is_default=campaign is world.campaigns.default)
    meeting = meeting_of(
        world.settings,
        booking,
        booking.start_ms or 0,
        reader.signup,
        calendar_url(world.settings, link, query),
    )
    identity = campaign.identity(world.settings.identity)
    return campaign.messages.render_call_mail(
        item.delivery.short_name, meeting, identity, unsubscribe_url, reader.language
    )


_RENDERERS: Final[Mapping[Kind, Callable[[World, Campaign, Owned, str, Reader], Awaitable[tuple[Rendered, _Tags]]]]] = {
    Kind.STEP: _step,
    Kind.REMINDER: _reminder,
    Kind.FOLLOW_UP: _follow_up,
}
