"""The way in: an event goes into the ledger, or into the spool while the store is away; durable before the answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal, TypeVar

from common.domain.booking import BookingKind
from common.domain.feedback import FeedbackKind
from common.domain.segment import Segment
from common.ledger.bookings import BookingAnswer
from common.ledger.feedback import FeedbackAnswer
from common.ledger.ledger import Ledger
from common.ledger.signups import Acceptance
from services.gateway.events import (
    BookingReceived,
    FeedbackReceived,
    Kept,
    Receipt,
    SignupReceived,
    UnsubscribeReceived,
)
from services.gateway.spool import Spool
from services.gateway.store_watch import FAILURES, StoreWatch

REMEMBERED = 10_000

Outcome = Literal["accepted", "duplicate", "repeated", "spooled"]

A = TypeVar("A", Acceptance, BookingAnswer, FeedbackAnswer)


class Intake:
    """
    Ledger and spool as one.

    The answers given last are remembered, so that an id repeated after the store went away gets its own answer.
    """

    def __init__(self, ledger: Ledger, spool: Spool, store: StoreWatch) -> None:
        self.ledger = ledger
        self.spool = spool
        self.store = store
        self._answers: OrderedDict[str, Acceptance | BookingAnswer | FeedbackAnswer] = OrderedDict()
        self._bookings = ledger.bookings

    async def sign_up(self, event: SignupReceived) -> tuple[Acceptance, Outcome]:
        """What to answer. Raises Unavailable when the event cannot be made durable."""
        answer, outcome = await self._take(
            event.webhook_id,
            lambda: self.ledger.signups.accept(
                event.assessment, webhook_id=event.webhook_id, received_ms=event.received_ms
            ),
            lambda: event.kept(self.ledger.campaign),
            _signed_up,
        )
        return answer, answer.answer if outcome == "accepted" else outcome

    async def book(self, event: BookingReceived) -> tuple[BookingAnswer, Outcome]:
        """What to answer. Raises Unavailable when the event cannot be made durable."""
        return await self._take(
            event.webhook_id,
            lambda: self._bookings.accept(event.event, webhook_id=event.webhook_id),
            event.kept,
            _booked,
        )

    async def hear(self, event: FeedbackReceived) -> tuple[FeedbackAnswer, Outcome]:
        """What to answer. Raises Unavailable when the event cannot be made durable."""
        return await self._take(
            event.webhook_id,
            lambda: self.ledger.feedback.record(event.feedback, webhook_id=event.webhook_id),
            event.kept,
            _heard,
        )

    async def unsubscribe(self, event: UnsubscribeReceived) -> Outcome:
        """End what the link names. Raises Unavailable when the event cannot be made durable."""
        kept = event.kept()
        if not self.store.is_away and not self.spool.holds(kept):
            try:
                await self.ledger.enrollments.unsubscribe(
                    event.who.enrollment_id, address_hash=event.who.address_hash, now_ms=event.received_ms
                )
            except FAILURES as error:
                self.store.failed(error)
            else:
                return "accepted"
        await self.spool.keep(kept)
        self.store.changed.set()
        return "spooled"

    async def _take(
        self,
        webhook_id: str,
        give: Callable[[], Awaitable[A]],
        keep: Callable[[], Kept],
        answer_of: Callable[[Receipt, bool], A],
    ) -> tuple[A, Outcome]:
        kept = keep() if self.spool.events > 0 or self.store.is_away else None
        if not self.store.is_away and not (kept and self.spool.holds(kept)):
            try:
                answer = await give()
            except FAILURES as error:
                self.store.failed(error)
            else:
                self._remember(webhook_id, answer)
                return answer, "repeated" if answer.repeated else "accepted"
        return await self._spooled(kept or keep(), answer_of)

    async def _spooled(self, kept: Kept, answer_of: Callable[[Receipt, bool], A]) -> tuple[A, Outcome]:
        known = self._answers.get(kept.id)
        if known is not None:
            # An id names its kind (`signup:…`), so what was remembered under it is an answer of this one.
            return replace(known, repeated=True), "repeated"  # type: ignore[return-value]
        repeated = kept.id in self.spool
        receipt = await self.spool.keep(kept)
        self.store.changed.set()
        return answer_of(receipt, repeated), "repeated" if repeated else "spooled"

    def _remember(self, webhook_id: str, answer: Acceptance | BookingAnswer | FeedbackAnswer) -> None:
        self._answers[webhook_id] = answer
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)


def _signed_up(receipt: Receipt, repeated: bool) -> Acceptance:
    return Acceptance(
        answer="accepted",
        repeated=repeated,
        enrollment_id=receipt.enrollment_id,
        email=receipt.email,
        segment=receipt.segment or Segment.OPTIMIZE,
        received_ms=receipt.received_ms,
    )


def _booked(receipt: Receipt, repeated: bool) -> BookingAnswer:
    return BookingAnswer(
        repeated=repeated,
        kind=BookingKind(receipt.told["kind"]),
        booking_uid=receipt.told["uid"],
        email=receipt.told["email"],
        meeting_time_ms=receipt.told["start_ms"],
        received_ms=receipt.received_ms,
    )


def _heard(receipt: Receipt, repeated: bool) -> FeedbackAnswer:
    return FeedbackAnswer(
        repeated=repeated,
        kind=FeedbackKind(receipt.told["kind"]),
        delivery_id=receipt.told["delivery_id"],
        received_ms=receipt.received_ms,
    )
