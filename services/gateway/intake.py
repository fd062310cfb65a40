"""Makes a verified event durable before the gateway responds: in the ledger, or in the spool if the store is away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal, TypeVar

from common.domain.booking import BookingKind
from common.domain.feedback import FeedbackKind
from common.domain.suppression import Unsubscribe
from common.ledger.bookings import BookingAnswer
from common.ledger.feedback import FeedbackAnswer
from common.ledger.ledger import Ledger
from common.ledger.signups import Acceptance
from common.store.errors import STORE_ERRORS
from services.gateway.events import (
    BookingReceived,
    FeedbackReceived,
    SignupReceived,
    SmsReceived,
    UnreadBooking,
    UnsubscribeReceived,
)
from services.gateway.spool.spool import Spool
from services.gateway.spool.spooled_event import Receipt, SpooledEvent
from services.gateway.store_availability import StoreAvailability

ANSWERS_REMEMBERED = 10_000

Outcome = Literal["accepted", "duplicate", "closed", "excluded", "repeated", "spooled"]

Answer = TypeVar("Answer", Acceptance, BookingAnswer, FeedbackAnswer)


class Intake:
    """
    Ledger and spool behind one interface.

    Each `record_…` method returns the outcome (the label of `advent_webhooks`), and the ledger's answer where the
    response needs it. It raises SpoolUnavailable when the event cannot be made durable. The latest answers stay in
    memory, so that a webhook id that is repeated while the store is away gets the same answer again.
    """

    def __init__(self, ledger: Ledger, spool: Spool, store: StoreAvailability) -> None:
        self.ledger = ledger
        self.spool = spool
        self.store = store
        self._answers: OrderedDict[str, Acceptance | BookingAnswer | FeedbackAnswer] = OrderedDict()
        self._bookings = ledger.bookings

    async def record_signup(self, event: SignupReceived) -> tuple[Acceptance, Outcome]:
        answer, outcome = await self._record(
            event.webhook_id,
            lambda: self.ledger.signups.accept(
                event.form.assessment,
                webhook_id=event.webhook_id,
                received_ms=event.received_ms,
                campaign=event.campaign,
                notes=event.form.notes,
                visitor=event.form.visitor,
            ),
            lambda: event.spooled(
                self.ledger.campaigns[event.campaign],
                self.ledger.mailboxes.new_id(event.form.assessment.email, event.campaign),
                is_first=event.campaign == self.ledger.campaign,
            ),
            _acceptance,
        )
        return answer, answer.answer if outcome == "accepted" else outcome

    async def record_booking(self, event: BookingReceived) -> tuple[BookingAnswer, Outcome]:
        return await self._record(
            event.webhook_id,
            lambda: self._bookings.accept(event.event, webhook_id=event.webhook_id, notes=event.notes),
            event.spooled,
            _booking_answer,
        )

    async def record_feedback(self, event: FeedbackReceived) -> tuple[FeedbackAnswer, Outcome]:
        return await self._record(
            event.webhook_id,
            lambda: self.ledger.feedback.record(event.feedback, webhook_id=event.webhook_id),
            event.spooled,
            _feedback_answer,
        )

    async def record_unsubscribe(self, event: UnsubscribeReceived) -> Outcome:
        return await self._record_unanswered(
            event.spooled(),
            lambda: self.ledger.enrollments.unsubscribe(
                event.link.enrollment_id, address_hash=event.address_hash, now_ms=event.received_ms
            ),
        )

    async def is_unsubscribed(self, link: Unsubscribe) -> bool:
        """Return whether this address is suppressed. Without the store, only unsubscriptions in the spool are known."""
        if UnsubscribeReceived(link=link, received_ms=0).spooled().id in self.spool:
            return True
        if self.store.is_away:
            return False
        try:
            return await self.ledger.enrollments.is_suppressed(link.address_hash)
        except STORE_ERRORS as error:
            self.store.record_failure(error)
            return False

    async def record_unread_booking(self, event: UnreadBooking) -> Outcome:
        return await self._record_unanswered(
            event.spooled(),
            lambda: self.ledger.unread_bookings.keep(event.raw, reason=event.reason, received_ms=event.received_ms),
        )

    async def record_sms(self, event: SmsReceived) -> Outcome:
        return await self._record_unanswered(
            event.spooled(),
            lambda: self.ledger.texts.receive(
                event.number, event.word, event.text, webhook_id=event.webhook_id, now_ms=event.received_ms
            ),
        )

    async def _record_unanswered(self, spooled: SpooledEvent, write: Callable[[], Awaitable[object]]) -> Outcome:
        """Record an event whose response needs no answer from the ledger."""
        if not self.store.is_away and not self.spool.has_backlog_for(spooled):
            try:
                await write()
            except STORE_ERRORS as error:
                self.store.record_failure(error)
            else:
                return "accepted"
        await self.spool.add(spooled)
        self.store.changed.set()
        return "spooled"

    async def _record(
        self,
        webhook_id: str,
        write: Callable[[], Awaitable[Answer]],
        spooled_event: Callable[[], SpooledEvent],
        answer_of: Callable[[Receipt, bool], Answer],
    ) -> tuple[Answer, Outcome]:
        spooled = spooled_event() if self.spool.events > 0 or self.store.is_away else None
        if not self.store.is_away and not (spooled and self.spool.has_backlog_for(spooled)):
            try:
                answer = await write()
            except STORE_ERRORS as error:
                self.store.record_failure(error)
            else:
                self._remember(webhook_id, answer)
                return answer, "repeated" if answer.repeated else "accepted"
        return await self._spool(spooled or spooled_event(), answer_of)

    async def _spool(
        self, spooled: SpooledEvent, answer_of: Callable[[Receipt, bool], Answer]
    ) -> tuple[Answer, Outcome]:
        known = self._answers.get(spooled.id)
        if known is not None:
            # The prefix of an id names its kind (`signup:…`), so the remembered answer has the right type.
            return replace(known, repeated=True), "repeated"  # type: ignore[return-value]
        is_repeated = spooled.id in self.spool
        receipt = await self.spool.add(spooled)
        self.store.changed.set()
        return answer_of(receipt, is_repeated), "repeated" if is_repeated else "spooled"

    def _remember(self, webhook_id: str, answer: Acceptance | BookingAnswer | FeedbackAnswer) -> None:
        self._answers[webhook_id] = answer
        if len(self._answers) > ANSWERS_REMEMBERED:
            self._answers.popitem(last=False)


def _acceptance(receipt: Receipt, is_repeated: bool) -> Acceptance:
    return Acceptance(
        answer="closed" if receipt.is_closed else "accepted",
        repeated=is_repeated,
        enrollment_id=receipt.enrollment_id,
        email=receipt.email,
        segment=receipt.segment or "",
        received_ms=receipt.received_ms,
    )


def _booking_answer(receipt: Receipt, is_repeated: bool) -> BookingAnswer:
    return BookingAnswer(
        repeated=is_repeated,
        kind=BookingKind(receipt.payload["kind"]),
        booking_uid=receipt.payload["uid"],
        email=receipt.payload["email"],
        meeting_time_ms=receipt.payload["start_ms"],
        received_ms=receipt.received_ms,
    )


def _feedback_answer(receipt: Receipt, is_repeated: bool) -> FeedbackAnswer:
    return FeedbackAnswer(
        repeated=is_repeated,
        kind=FeedbackKind(receipt.payload["kind"]),
        delivery_id=receipt.payload["delivery_id"],
        received_ms=receipt.received_ms,
    )
