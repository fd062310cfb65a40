"""The deliveries that an exploration starts with: Ada's first is due now, her second in an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.delivery import Channel, Trigger
from common.domain.follow_ups import FollowUpRules, follow_ups_of
from common.domain.guests import events_about
from common.domain.ids import (
    DeliveryId,
    booking_id,
    enrollment_id,
    follow_up_delivery_id,
    reminder_delivery_id,
    step_delivery_id,
)
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import resolve
from common.ledger.booking_outcome import BookingOutcome
from common.ledger.constants import PROVIDER_OF, QUEUE_OF
from common.ledger.ledger import Ledger

SECOND = 1_000
HOUR = 3_600_000
NOW_MS = 1_764_000_000_000
CADENCE = Cadence((0, HOUR), 30 * SECOND)
ADA = Assessment(email="ada@example.org", first_name="Ada", assessment_score=50)
CONTACT = enrollment_id("c", ADA.email)
NUMBER = "+14165550123"
START_MS = NOW_MS + 1_000 * HOUR
MOVED_MS = START_MS + HOUR
_BEFORE_MS = (("now", 1_000 * HOUR), ("later", 999 * HOUR))
_MAIL = ReminderRules(before_ms=_BEFORE_MS, minimum_notice_ms=0)
_SMS = ReminderRules(before_ms=(), sms_before_ms=_BEFORE_MS, minimum_notice_ms=0)
_FOLLOW_UPS = FollowUpRules(
    after_ms=(("now", Trigger.NO_SHOW, 2 * HOUR), ("later", Trigger.NO_SHOW, 3 * HOUR)),
    grace_ms=2 * HOUR,
    lateness_max_ms=24 * HOUR,
    unmarked_after_ms=24 * HOUR,
)
_NONE = ReminderRules(before_ms=(), minimum_notice_ms=0)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Two deliveries of one kind on one channel. `rules`, `following`: set if they belong to a call."""

    name: str
    channel: Channel = Channel.EMAIL
    rules: ReminderRules | None = None
    following: FollowUpRules | None = None

    @property
    def queue(self) -> str:
        return QUEUE_OF[PROVIDER_OF[self.channel]]

    @property
    def number(self) -> str | None:
        """The recipient's phone number of an SMS; None for mail."""
        return NUMBER if self.channel is Channel.SMS else None

    @property
    def is_of_call(self) -> bool:
        return self.rules is not None

    @property
    def deliveries(self) -> Sequence[DeliveryId]:
        """The planned deliveries: the first is due now, the second in an hour."""
        if self.rules is None:
            return [step_delivery_id(CONTACT, number) for number in (1, 2)]
        if self.following is not None:
            after = self.following.after_ms
            return [follow_up_delivery_id(booking_id("A"), on=on, name=name) for name, on, _ in after]
        return self._reminders_of("A", START_MS)

    @property
    def after_move(self) -> Sequence[DeliveryId]:
        """The deliveries planned after the call was moved; no follow-ups, because the moved call was not missed."""
        return [] if self.following else self._reminders_of("B", MOVED_MS)

    def _reminders_of(self, uid: str, start_ms: int) -> Sequence[DeliveryId]:
        names = [f"{name}{self.channel.suffix}" for name, _ in _BEFORE_MS]
        return [reminder_delivery_id(booking_id(uid), start_ms=start_ms, name=name) for name in names]

    async def begin(self, ledger: Ledger) -> None:
        """Let Ada sign up, book a call or miss one, depending on the kind of delivery."""
        if self.rules is None:
            await _sign_up(ledger)
            return
        await report(ledger, _missed() if self.following else [_booked()], webhook_id="begin")
        await self.look(ledger, NOW_MS)

    async def look(self, ledger: Ledger, now_ms: int) -> None:
        """Write the outcome of all events about her calls, as the actor `bookings` does."""
        assert self.rules is not None
        gathered = await ledger.bookings.gather(booking_id("A"))
        resolved = resolve(gathered.events, gathered.first_guests)
        following = {}
        if self.following is not None:
            for one in resolved:
                theirs = events_about(ADA.email, [event for event in gathered.events if event.uid == one.uid])
                following[one.id] = follow_ups_of(one, theirs, self.following, now_ms=now_ms)
        outcome = BookingOutcome(
            gathered=gathered,
            bookings=[(one, reminders_of(one, self.rules)) for one in resolved],
            nurture=[(one, "leave") for one in await ledger.bookings.contacts([CONTACT])],
            follow_ups=following,
        )
        assert await ledger.bookings.write(outcome, now_ms=now_ms)


STEP = Plan(name="step")
REMINDER = Plan(name="reminder", rules=_MAIL)
SMS = Plan(name="sms", channel=Channel.SMS, rules=_SMS)
FOLLOW_UP = Plan(name="follow-up", rules=_NONE, following=_FOLLOW_UPS)
PLANS = (STEP, REMINDER, FOLLOW_UP, SMS)


async def report(ledger: Ledger, events: Sequence[BookingEvent], *, webhook_id: str) -> None:
    for number, event in enumerate(events):
        await ledger.bookings.accept(event, webhook_id=f"{webhook_id}{number}")


def moved(now_ms: int) -> BookingEvent:
    """Return the event that moves her call to a later hour, under another uid."""
    return replace(
        _booked(),
        kind=BookingKind.RESCHEDULED,
        uid="B",
        reschedule_uid="A",
        start_ms=MOVED_MS,
        event_ms=now_ms,
        received_ms=now_ms,
    )


def cancelled(uid: str, now_ms: int) -> BookingEvent:
    return BookingEvent(kind=BookingKind.CANCELLED, uid=uid, event_ms=now_ms, received_ms=now_ms)


async def _sign_up(ledger: Ledger) -> None:
    await ledger.signups.accept(ADA, webhook_id="begin0", received_ms=NOW_MS)
    enrollment = await ledger.enrollments.get(CONTACT)
    assert enrollment is not None
    await ledger.signups.enroll(enrollment, now_ms=NOW_MS, announce=False)


def _booked() -> BookingEvent:
    return BookingEvent(
        kind=BookingKind.CREATED,
        uid="A",
        event_ms=NOW_MS,
        received_ms=NOW_MS,
        start_ms=START_MS,
        email=ADA.email,
    )


def _missed() -> list[BookingEvent]:
    """Return the events of a call that began three hours ago and that she was reported to have missed an hour later."""
    marked_ms = NOW_MS - 2 * HOUR
    began_ms = marked_ms - HOUR
    booked = replace(_booked(), event_ms=began_ms, received_ms=began_ms, start_ms=began_ms)
    marked: Mapping[str, Any] = {
        "kind": BookingKind.NO_SHOW,
        "event_ms": marked_ms,
        "received_ms": marked_ms,
        "no_shows": ((ADA.email, True),),
    }
    return [booked, replace(booked, **marked)]
