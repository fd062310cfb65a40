"""From a claim to the mail that is frozen, and the key under which it is handed over: one renderer a kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from common.campaigns.campaign import Rendered
from common.campaigns.facts import Meeting
from common.clock import utc_datetime
from common.domain.contact import Assessment
from common.domain.delivery import Kind
from common.domain.enrollment import Enrollment
from common.domain.mail import Mail
from common.domain.reminders import ReminderRules
from common.domain.series import Booking
from common.domain.suppression import Unsubscribe
from common.ledger.owners import Owned
from common.settings.settings import Settings
from common.world import World


async def render(world: World, item: Owned) -> Mail:
    """
    One delivery for one person. Raises `CampaignError` when a blank would result, KeyError when the campaign has it no
    longer; reading a guest's signup, as `Store.run` does.
    """
    token = Unsubscribe(item.contact_id, world.ledger.store.address_hash(item.address)).token(world.settings.secret)
    unsubscribe_url = f"{world.settings.public_address}/unsubscribe/{token}"
    rendered, tags = await _RENDERERS[item.delivery.kind](world, item, unsubscribe_url)
    identity = world.settings.identity
    return Mail(
        sender=identity.sender,
        to=item.address,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        reply_to=identity.reply_to,
        headers={
            # RFC 8058: the mail client posts to the link without asking the person anything more.
            "List-Unsubscribe": f"<{unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            # Another one for each mail: Gmail then shows no two of them as one conversation.
            "X-Entity-Ref-ID": item.delivery.id,
        },
        # What its events bring back: whose it is, and which delivery.
        tags={"campaign": world.campaign.key, "enrollment": item.contact_id, **tags},
    )


def idempotency_key(world: World, item: Owned) -> str:
    """`christmas_2025/enr_…/step-3`, `christmas_2025/bkg_…/<start>/24h`: the same on each attempt, on any machine."""
    return f"{world.campaign.key}/{item.delivery.id}"


def meeting_of(settings: Settings, booking: Booking, start_ms: int, signup: Assessment | None) -> Meeting:
    """
    What a reminder says of a call that starts then.

    `signup`: of the guest, None for one who was never enrolled: anybody can book for anybody, and the title is then the
    text of a stranger. Without a time zone the hour is in UTC. A link to a host that is not known is left out.
    """
    join_url = booking.join_url
    return Meeting(
        first_name=booking.first_name,
        start=utc_datetime(start_ms),
        timezone=booking.timezone or (signup.timezone if signup else None),
        title=booking.title if signup else None,
        join_url=join_url if join_url and settings.may_link_to(join_url) else None,
        organizer=booking.organizer,
    )


def reminder_rules(world: World) -> ReminderRules:
    """When this campaign reminds, at this pace."""
    pace = world.settings.pace
    return ReminderRules(
        before_ms=tuple((reminder.name, reminder.before.at(pace)) for reminder in world.campaign.reminders),
        minimum_notice_ms=world.campaign.booking.minimum_notice.at(pace),
    )


_Tags = Mapping[str, str]


async def _step(world: World, item: Owned, unsubscribe_url: str) -> tuple[Rendered, _Tags]:
    enrollment, step = item.owner, item.delivery.step
    assert isinstance(enrollment, Enrollment)
    assert step is not None
    rendered = world.campaign.render(
        step,
        enrollment.assessment,
        segment=enrollment.segment,
        identity=world.settings.identity,
        unsubscribe_url=unsubscribe_url,
    )
    return rendered, {"step": item.delivery.name}


async def _reminder(world: World, item: Owned, unsubscribe_url: str) -> tuple[Rendered, _Tags]:
    booking, name = item.owner, item.delivery.short_name
    assert isinstance(booking, Booking)
    assert booking.start_ms is not None, "what was planned has a start"
    # Read when the reminder is due, since a guest may sign up after booking.
    enrollment = await world.ledger.enrollments.get(item.contact_id)
    meeting = meeting_of(world.settings, booking, booking.start_ms, enrollment.assessment if enrollment else None)
    rendered = world.campaign.render_reminder(name, meeting, world.settings.identity, unsubscribe_url)
    return rendered, {"booking": booking.id, "start": str(booking.start_ms), "reminder": name}


_RENDERERS: Final[Mapping[Kind, Callable[[World, Owned, str], Awaitable[tuple[Rendered, _Tags]]]]] = {
    Kind.STEP: _step,
    Kind.REMINDER: _reminder,
}
