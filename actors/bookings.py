"""What was told of a booking becomes reminders, a standing in Notion, and the campaign's answer to it."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from actors.sending.render import reminder_rules
from common.domain.contact_booking_status import BookingSummary, Nurture, in_short, nurture_after
from common.domain.ids import BookingId, DeliveryId, split_delivery_id
from common.domain.reminders import reminders_of
from common.domain.series import Booking, BookingState, resolve
from common.ledger.bookings import BookingOutcome, Bookings, Contact, Gathered
from common.world import World

log = structlog.get_logger(__name__)

TURNS = 100
"""Each turn that is lost was won by another event of the same people; so many do not come at once."""

NOT_OURS_MS = 600_000
"""A booking of another campaign, which shares this store, waits for a worker of that campaign."""


async def bookings(world: World, job: str) -> None:
    """
    Look at one booking. The job is `bkg_…`, or `bkg_…/event` for each event that came.

    1. Gather all that was told of its series, whatever the order.
    2. Resolve: which booking is current, where it stands, which reminders it gets.
    3. Ask the campaign whether the nurture mails go on.
    4. Write all of it at once; if something came meanwhile, begin again.
    """
    booking_id = BookingId(split_delivery_id(DeliveryId(job))[0])
    ledger = world.ledger.bookings
    with structlog.contextvars.bound_contextvars(booking_id=booking_id):
        for _ in range(TURNS):
            now_ms = world.clock.now_ms()
            gathered = await ledger.gather(booking_id)
            if gathered.campaign not in ("", world.campaign.key):
                await ledger.postpone(booking_id, until_ms=now_ms + NOT_OURS_MS)
                return
            outcome = await _outcome(world, ledger, gathered, now_ms)
            if await ledger.write(outcome, now_ms=now_ms):
                log.info("booking_resolved", stands=[str(booking.stand) for booking, _ in outcome.bookings])
                return
        raise RuntimeError(f"{booking_id}: {TURNS} turns lost")


async def _outcome(world: World, ledger: Bookings, gathered: Gathered, now_ms: int) -> BookingOutcome:
    resolved = resolve(gathered.events)
    current = next((booking for booking in resolved if booking.stand is not BookingState.MOVED), None)
    addresses = [booking.email for booking in resolved if booking.email is not None]
    ids = dict.fromkeys([*gathered.contacts, *map(ledger.contact_id, addresses)])
    contacts = [await ledger.contact(contact_id) for contact_id in ids]
    series = {booking.id for booking in resolved}
    reminding = reminder_rules(world)
    return BookingOutcome(
        gathered=gathered,
        bookings=[(booking, reminders_of(booking, reminding)) for booking in resolved],
        nurture=[
            (
                contact,
                _nurture(
                    world,
                    contact,
                    current if current and current.email and ledger.contact_id(current.email) == contact.id else None,
                    [call for booking_id, call in contact.calls.items() if booking_id not in series],
                    now_ms,
                ),
            )
            for contact in contacts
        ],
        look=_look_again(world, current, now_ms),
    )


def _nurture(
    world: World, contact: Contact, booking: Booking | None, others: Sequence[BookingSummary], now_ms: int
) -> Nurture:
    """Whoever signs up after booking wants the letters: the campaign answers only what is booked since then."""
    enrollment = contact.enrollment
    if enrollment is None or (booking is not None and booking.received_ms < enrollment.anchor_ms):
        return "leave"
    policy = world.campaign.booking
    return nurture_after(
        booking, others, policy=policy.nurture, cancellation_resumes=policy.cancellation_resumes, now_ms=now_ms
    )


def _look_again(world: World, booking: Booking | None, now_ms: int) -> tuple[BookingId, int] | None:
    """What pauses for a call goes on at its end, also when nobody tells of that."""
    if booking is None or world.campaign.booking.nurture != "pause":
        return None
    call = in_short(booking)
    return (booking.id, call.end_ms) if call.pauses(now_ms) else None
