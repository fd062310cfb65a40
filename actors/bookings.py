"""Derive reminders, follow-ups, the status in Notion and the effect on nurture mails from the events of a booking."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from actors.sending.render import reminder_rules
from common.campaigns.campaign import Campaign
from common.domain.booking import BookingEvent
from common.domain.contact_booking_status import Nurture, nurture_after, summarize
from common.domain.enrollment import Enrollment
from common.domain.follow_ups import FollowUpRules, as_of, follow_ups_of, unmarked_at_ms
from common.domain.guests import events_about
from common.domain.ids import BookingId, DeliveryId, EnrollmentId, GuestId, booking_id, booking_of, split_delivery_id
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import Booking, BookingState, resolve
from common.ledger.booking_outcome import BookingOutcome, Contact, Gathered
from common.ledger.bookings import Bookings
from common.world import World

log = structlog.get_logger(__name__)

RESTARTS_MAX = 100
"""How many times a booking is processed again at most, because another event of its contacts was written first."""

NOT_OURS_MS = 600_000
"""How long a booking waits for a worker that serves its campaign, before the next worker looks at it."""

OTHERS_MAX = 25
"""How many other waiting bookings one job processes too, at most."""


async def bookings(world: World, job: str) -> None:
    """
    Process one booking, and others that wait. The job is `bkg_…`, or `bkg_…/<digest>` for a new event of the booking.

    If one of the others fails, it gets a job of its own.
    """
    booking = BookingId(GuestId(split_delivery_id(DeliveryId(job))[0]))
    taken = await world.ledger.bookings.reserve(booking, now_ms=world.clock.now_ms(), count=OTHERS_MAX)
    outcomes = await asyncio.gather(*(_process(world, one) for one in taken), return_exceptions=True)
    for one, failure in zip(taken[1:], outcomes[1:], strict=True):
        if isinstance(failure, BaseException):
            log.error("booking_not_resolved", booking_id=one, exc_info=failure)
            await world.ledger.bookings.postpone(one, until_ms=world.clock.now_ms())
    if outcomes and isinstance(outcomes[0], BaseException):
        raise outcomes[0]


async def _process(world: World, booking: BookingId) -> None:
    """
    Process one booking.

    1. Gather all events of its series, in whatever order they came.
    2. Resolve: which booking is current, its state, which reminders it gets. A call may have been given to another
       host; its new booking has the same guest and start. If so, begin again with that booking's events too.
    3. Decide by the campaign's policy whether the nurture mails continue.
    4. Write everything at once. If another event came meanwhile, begin again.
    """
    ledger = world.ledger.bookings
    with structlog.contextvars.bound_contextvars(booking_id=booking):
        for _ in range(RESTARTS_MAX):
            now_ms = world.clock.now_ms()
            gathered = await ledger.gather(booking)
            if gathered.campaign not in ("", *world.campaigns):
                await ledger.postpone(booking, until_ms=now_ms + NOT_OURS_MS)
                return
            outcome = await _outcome(world, ledger, gathered, now_ms)
            other = _booking_at_same_time(outcome)
            if other is not None and await ledger.join(booking, other):
                continue
            if await ledger.write(outcome, now_ms=now_ms):
                log.info("booking_resolved", states=[str(one.state) for one, _ in outcome.bookings])
                return
        raise RuntimeError(f"{booking}: another event was written first, {RESTARTS_MAX} times in a row")


async def _outcome(world: World, ledger: Bookings, gathered: Gathered, now_ms: int) -> BookingOutcome:
    campaign = world.campaigns.get_or_default(gathered.campaign)
    follow_up_rules = campaign.follow_up_rules(world.settings.pace)
    resolved = resolve(gathered.events, gathered.first_guests)
    addresses = [one.email for one in resolved if one.email is not None]
    found = await world.ledger.mailboxes.find_all(addresses, campaign.key)
    contacts = await ledger.contacts(list(dict.fromkeys([*gathered.contacts, *found.values()])))
    reminding = reminder_rules(campaign, world.settings.pace)
    known = {contact: address for address, contact in found.items()}
    others = [
        (contact, one)
        for contact in contacts
        for one in await _other_enrollments(world, contact, known.get(contact.id))
    ]
    return BookingOutcome(
        gathered=gathered,
        bookings=[
            (
                as_of(one, _events_of(one, gathered.events), follow_up_rules, now_ms=now_ms),
                reminders_of(one, await _in_zone_of_guest(world, campaign, one, reminding, found)),
            )
            for one in resolved
        ],
        nurture=[
            (
                contact,
                _nurture(world, contact, contact.enrollment, _current_of(contact, resolved, found), resolved, now_ms),
            )
            for contact in contacts
        ],
        others=[
            (one, _nurture(world, contact, one, _current_of(contact, resolved, found), resolved, now_ms))
            for contact, one in others
        ],
        follow_ups={
            one.id: follow_ups_of(one, _events_of(one, gathered.events), follow_up_rules, now_ms=now_ms)
            for one in resolved
        },
        look=_next_evaluation(world, resolved, follow_up_rules, now_ms),
    )


async def _in_zone_of_guest(
    world: World, campaign: Campaign, booking: Booking, rules: ReminderRules, found: Mapping[str, EnrollmentId]
) -> ReminderRules:
    """Return the rules in the time zone of the guest's signup if the booking has none; its mails use that zone too."""
    if booking.timezone or booking.email is None or booking.email not in found:
        return rules
    of_guest = world.ledger.enrollments.of_guest(found[booking.email], booking.email)
    return replace(rules, zone=campaign.zone_of(*[one.assessment.timezone async for one in of_guest]))


def _booking_at_same_time(outcome: BookingOutcome) -> BookingId | None:
    """Return another booking, not gathered, with the same guest and start as one of these; seats do not count."""
    known = {booking_id(event.uid) for event in outcome.gathered.events}
    current = [booking for booking, _ in outcome.bookings if booking.state is not BookingState.MOVED]
    starts = {booking.start_ms for booking in current if booking.id == booking_of(booking.id)}
    for contact, _ in outcome.nurture:
        for guest, call in contact.calls.items():
            is_alone = guest == booking_of(guest) and call.state is not BookingState.MOVED
            if is_alone and call.start_ms in starts and booking_of(guest) not in known:
                return booking_of(guest)
    return None


def _events_of(booking: Booking, events: Sequence[BookingEvent]) -> Sequence[BookingEvent]:
    """Return the events of this booking that concern its guest."""
    return events_about(booking.email or "", [event for event in events if event.uid == booking.uid])


async def _other_enrollments(world: World, contact: Contact, address: str | None) -> list[Enrollment]:
    """
    Return the contact's enrollments other than the one under which the calls are stored.

    `address`: the contact's address in these bookings; None if the contact was not found by it.
    """
    known = address or (contact.enrollment.assessment.email if contact.enrollment else contact.email)
    if known is None or (address is not None and len(world.campaigns) == 1):
        return []
    ids = [one for one in await world.ledger.mailboxes.in_campaigns(known) if one != contact.id]
    found = [one.enrollment for one in await world.ledger.bookings.contacts(ids)]
    return [one for one in found if one is not None and one.campaign in world.campaigns]


def _nurture(
    world: World,
    contact: Contact,
    enrollment: Enrollment | None,
    newest_first: Sequence[Booking],
    resolved: Sequence[Booking],
    now_ms: int,
) -> Nurture:
    """
    Return what happens to the nurture mails of one enrollment.

    A contact who signs up after booking wants the mails, so a booking from before the signup does not hold or stop
    them. It can release them: after a later booking had held them, it may have been the last call that they waited for.

    `newest_first`: the contact's bookings among `resolved`, the most recently changed first.
    """
    current, earlier = (newest_first[0], newest_first[1:]) if newest_first else (None, ())
    if enrollment is None:
        return "leave"
    is_from_before = current is not None and current.received_ms < enrollment.anchor_ms
    known = {booking.id for booking in resolved}
    others = [call for guest, call in contact.calls.items() if guest not in known]
    policy = world.campaigns.get_or_default(enrollment.campaign).booking
    answer = nurture_after(
        None if is_from_before else current,
        [*others, *map(summarize, earlier)],
        policy=policy.nurture,
        cancellation_resumes=policy.cancellation_resumes,
        since_ms=enrollment.anchor_ms,
        now_ms=now_ms,
    )
    return "leave" if is_from_before and answer != "release" else answer


def _current_of(
    contact: Contact, resolved: Sequence[Booking], contacts: Mapping[str, EnrollmentId]
) -> Sequence[Booking]:
    """
    Return the contact's bookings among these that were not moved, the most recently changed first.

    `contacts`: the contact of each address.
    """
    current = [one for one in resolved if one.state is not BookingState.MOVED]
    theirs = [one for one in current if one.email is not None and contacts[one.email] == contact.id]
    return sorted(theirs, key=lambda one: one.received_ms, reverse=True)


def _next_evaluation(
    world: World, resolved: Sequence[Booking], follow_up_rules: FollowUpRules, now_ms: int
) -> tuple[BookingId, int] | None:
    """
    Return the next time, with its booking, at which something follows without an event; None if there is none.

    Mails that pause for a call resume at its end, or stop some time after its cancellation. A call becomes unmarked
    when nobody has reported how it went.
    """
    current = [one for one in resolved if one.state is not BookingState.MOVED]
    times = [(booking_of(one.id), unmarked_at_ms(one, follow_up_rules)) for one in current]
    pausing = [one.booking for one in world.campaigns.values() if one.booking.nurture == "pause"]
    if not all(policy.cancellation_resumes for policy in pausing):
        times += [(booking_of(one.id), summarize(one).off_for_certain_ms) for one in current]
    if pausing:
        calls = [(booking_of(one.id), summarize(one)) for one in current]
        times += [(booking, call.end_ms) for booking, call in calls if call.pauses(now_ms)]
    ahead = ((booking, at_ms) for booking, at_ms in times if at_ms is not None and at_ms > now_ms)
    return min(ahead, key=_time, default=None)


def _time(evaluation: tuple[BookingId, int]) -> int:
    return evaluation[1]
