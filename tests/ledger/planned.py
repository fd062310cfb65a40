"""One planned delivery of each kind, for guarantees that hold for every kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Pace
from common.domain.contact import Assessment
from common.domain.delivery import Kind, Record, Trigger, delivery_of
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.follow_ups import as_of, follow_up_rules, follow_ups_of
from common.domain.ids import (
    BookingId,
    DeliveryId,
    EnrollmentId,
    booking_id,
    enrollment_id,
    reminder_delivery_id,
    step_delivery_id,
)
from common.domain.notion_import import Restored
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import resolve
from common.ledger import keys
from common.ledger.booking_outcome import BookingOutcome
from common.ledger.constants import MAIL, PROVIDER_OF, QUEUE_OF, TEXTS
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause
from tests.ledger_reads import record_of

HOUR_MS = 3_600_000
RULES = ReminderRules(before_ms=(("24h", 24 * HOUR_MS),), minimum_notice_ms=0)
SMS_RULES = ReminderRules(before_ms=(), minimum_notice_ms=0, sms_before_ms=(("24h", 24 * HOUR_MS),))
NUMBER = "+14165550123"
FOLLOWING = follow_up_rules([("missed", Trigger.NO_SHOW, 2 * HOUR_MS)], Pace())


@dataclass(frozen=True)
class Planned:
    """A delivery that is due at `now_ms`, with its contact. `exit_reason`: the reason that `ends` gives it."""

    ledger: Ledger
    kind: Kind
    id: DeliveryId
    contact: EnrollmentId
    address: str
    label: str
    now_ms: int
    exit_reason: str

    @property
    def provider(self) -> str:
        """The provider that sends this delivery."""
        return PROVIDER_OF[delivery_of(self.id).channel]

    @property
    def queue(self) -> str:
        return QUEUE_OF[self.provider]

    @property
    def number(self) -> str | None:
        """The recipient's phone number of an SMS; None for mail."""
        return NUMBER if self.provider == TEXTS else None

    @property
    def fields(self) -> Awaitable[dict[str, str]]:
        return self.ledger.store.read_hash(keys.delivery(self.id))

    async def record(self) -> Record:
        found = await record_of(self.ledger, self.id)
        assert found is not None
        return found

    async def claimed(self, *, worker: str = "w1", at_ms: int | None = None) -> ClaimGranted:
        now_ms = at_ms if at_ms is not None else self.now_ms
        claim = await self.ledger.deliveries.claim(self.id, worker=worker, now_ms=now_ms)
        assert isinstance(claim, ClaimGranted), claim
        return claim

    async def frozen(self, *, worker: str = "w1", at_ms: int | None = None) -> ClaimGranted:
        """Claim the delivery and freeze its mail, as a worker does before it calls the provider."""
        claim = await self.claimed(worker=worker, at_ms=at_ms)
        now_ms = at_ms if at_ms is not None else self.now_ms
        assert isinstance(await self.ledger.deliveries.freeze(claim, "mail", now_ms=now_ms, number=self.number), int)
        return claim

    async def crashes(self, *workers: str, frozen_by: frozenset[str] = frozenset()) -> None:
        """Let one worker after the other claim the delivery and die; those in `frozen_by` also freeze it."""
        for worker in workers:
            await self.ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})
            await (self.frozen if worker in frozen_by else self.claimed)(worker=worker)
            await self.ledger.client.zrem(keys.HEARTBEATS, worker)

    async def dies(self, *, outcome_unknown: bool = True) -> None:
        """Make the delivery a dead letter."""
        claim = await self.frozen()
        await self.ledger.deliveries.settle(
            claim, "dead", "because", now_ms=self.now_ms, outcome_unknown=outcome_unknown
        )

    async def ends(self) -> None:
        """Unsubscribe the contact of a step; cancel the call of any other kind."""
        if self.kind is Kind.STEP:
            hashed = self.ledger.store.address_hash(self.address)
            await self.ledger.enrollments.unsubscribe(self.contact, address_hash=hashed, now_ms=self.now_ms)
        else:
            await self.ledger.client.hset(keys.guest(self.id.partition("/")[0]), "state", "cancelled")

    async def reported(self, kind: FeedbackKind) -> None:
        """Record a webhook of the provider: it accepted the delivery 400 ms after the due time."""
        event = Feedback(
            kind=kind,
            delivery_id=self.id,
            contact_id=self.contact,
            event_ms=self.now_ms + 500,
            mailed_ms=self.now_ms + 400,
            received_ms=self.now_ms + 505,
            provider_id="re_reported",
            address=self.address if self.number is None else None,
            number=self.number,
        )
        await self.ledger.feedback.record(event, webhook_id=f"resend:{kind}")


async def plan_step(ledger: Ledger, now_ms: int, name: str = "ada") -> Planned:
    """Sign up a contact. Return their first mail, which is due now."""
    address = f"{name}@example.org"
    contact = enrollment_id(ledger.campaign, address)
    person = Assessment(email=address, first_name=name, assessment_score=38)
    await ledger.signups.accept(person, webhook_id=f"signup:{name}", received_ms=now_ms)
    enrollment = await ledger.enrollments.get(contact)
    assert enrollment is not None
    await ledger.signups.enroll(enrollment, now_ms=now_ms, announce=False)
    step = step_delivery_id(contact, 1)
    return Planned(ledger, Kind.STEP, step, contact, address, "step 1", now_ms, "unsubscribed")


async def plan_reminder(ledger: Ledger, now_ms: int, name: str = "ada") -> Planned:
    """Book a call tomorrow for a contact who never signed up. Return its reminder, which is due now."""
    address = f"{name}@example.org"
    reminder, contact = await book(ledger, address, now_ms, uid=f"uid-{name}")
    return Planned(ledger, Kind.REMINDER, reminder, contact, address, "reminder 24h", now_ms, "cancelled")


async def plan_sms(ledger: Ledger, now_ms: int, name: str = "ada") -> Planned:
    """Do the same as `plan_reminder` with a reminder by SMS."""
    address = f"{name}@example.org"
    reminder, contact = await book(ledger, address, now_ms, uid=f"uid-{name}", rules=SMS_RULES)
    sms = DeliveryId(f"{reminder}.sms")
    return Planned(ledger, Kind.REMINDER, sms, contact, address, "reminder 24h by SMS", now_ms, "cancelled")


async def book(
    ledger: Ledger, address: str, now_ms: int, *, uid: str = "uid", rules: ReminderRules = RULES
) -> tuple[DeliveryId, EnrollmentId]:
    """Book a call for tomorrow. Return its reminder and its contact."""
    start_ms = now_ms + 24 * HOUR_MS
    event = BookingEvent(
        kind=BookingKind.CREATED,
        uid=uid,
        event_ms=now_ms,
        received_ms=now_ms,
        start_ms=start_ms,
        end_ms=start_ms + HOUR_MS,
        email=address,
    )
    await ledger.bookings.accept(event, webhook_id=f"calcom:{uid}")
    (booking,) = resolve([event])
    gathered, contact = await ledger.bookings.gather(booking.id), await ledger.mailboxes.find(address)
    outcome = BookingOutcome(
        gathered=gathered,
        bookings=[(booking, reminders_of(booking, rules))],
        nurture=[(one, "leave") for one in await ledger.bookings.contacts([contact])],
    )
    assert await ledger.bookings.write(outcome, now_ms=now_ms)
    return reminder_delivery_id(booking.id, start_ms=start_ms, name="24h"), contact


def restored_of(person: Assessment, anchor_ms: int, **reported: Any) -> Restored:
    """Return what Notion shows of a contact who was sent nothing yet; `reported` replaces single fields."""
    blank: dict[str, Any] = {
        **{"assessment": person, "anchor_ms": anchor_ms, "sent_ms": {}, "is_completed": False},
        **{"exit_reason": None, "page_id": "page", "created": "", "edited": ""},
    }
    return Restored(**blank | reported)


async def plan_follow_up(ledger: Ledger, now_ms: int, name: str = "ada") -> Planned:
    """Record a missed call of a contact who never signed up. Return its follow-up, which is due now."""
    address, marked_ms = f"{name}@example.org", now_ms - FOLLOWING.grace_ms
    start_ms = marked_ms - HOUR_MS
    event = BookingEvent(
        kind=BookingKind.CREATED,
        uid=f"uid-{name}",
        event_ms=start_ms - 48 * HOUR_MS,
        received_ms=start_ms - 48 * HOUR_MS,
        start_ms=start_ms,
        end_ms=start_ms + HOUR_MS,
        email=address,
    )
    marked = replace(
        event, kind=BookingKind.NO_SHOW, event_ms=marked_ms, received_ms=marked_ms, no_shows=((address, True),)
    )
    (follow_up,), contact = await write_calls(ledger, [event, marked], now_ms)
    return Planned(ledger, Kind.FOLLOW_UP, follow_up, contact, address, "follow-up missed", now_ms, "cancelled")


async def write_calls(
    ledger: Ledger, events: Sequence[BookingEvent], now_ms: int
) -> tuple[list[DeliveryId], EnrollmentId]:
    """Record these events of one series and write its outcome. Return the follow-ups of the series and its contact."""
    for event in events:
        await ledger.bookings.accept(event, webhook_id=f"calcom:{event.digest()}")
    gathered = await ledger.bookings.gather(booking_id(events[-1].uid))
    resolved = resolve(gathered.events)
    contact = await ledger.mailboxes.find(next(event.email for event in gathered.events if event.email))
    own = {one.id: [event for event in gathered.events if event.uid == one.uid] for one in resolved}
    found = {one.id: follow_ups_of(one, own[one.id], FOLLOWING, now_ms=now_ms) for one in resolved}
    outcome = BookingOutcome(
        gathered=gathered,
        bookings=[(as_of(one, own[one.id], FOLLOWING, now_ms=now_ms), []) for one in resolved],
        follow_ups=found,
        nurture=[(one, "leave") for one in await ledger.bookings.contacts([contact])],
    )
    assert await ledger.bookings.write(outcome, now_ms=now_ms)
    return [one.id for several in found.values() for one in several], contact


async def write_unmarked_call(ledger: Ledger, name: str, *, now_ms: int) -> BookingId:
    """Write a call that took place three days ago and has no reported result. Return its booking id."""
    start_ms = now_ms - 72 * HOUR_MS
    event = BookingEvent(
        kind=BookingKind.CREATED,
        uid=f"uid-{name}",
        event_ms=start_ms - HOUR_MS,
        received_ms=start_ms - HOUR_MS,
        start_ms=start_ms,
        end_ms=start_ms + HOUR_MS,
        email=f"{name}@example.org",
    )
    await write_calls(ledger, [event], now_ms)
    return booking_id(event.uid)


PLAN: dict[str, Callable[..., Awaitable[Planned]]] = {
    "step": plan_step,
    "reminder": plan_reminder,
    "follow-up": plan_follow_up,
    "sms": plan_sms,
}


async def open_circuit(ledger: Ledger, now_ms: int, provider: str = MAIL, **more: int) -> None:
    await ledger.circuits.report_failure(
        provider, id="x", reason="invalid_api_key", provider_wide=True, now_ms=now_ms, **more
    )


async def pause(ledger: Ledger, contact: EnrollmentId | None, now_ms: int) -> None:
    await ledger.pauses.start(contact, Pause(since_ms=now_ms, by="zoë", reason="the domain moves"))
