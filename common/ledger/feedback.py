"""Feedback in the ledger: keep what the provider reported of a delivery, with all that follows, and read it again."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.delivery import delivery_of
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import DeliveryId
from common.ledger import keys
from common.ledger.codec import shortened
from common.ledger.constants import REMEMBER_WEBHOOK_MS
from common.ledger.deliveries import data
from common.ledger.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackAnswer:
    """
    What the answer to feedback is made of, as it was for the first event under this webhook id.

    `repeated`: this webhook id was answered before. `received_ms`: the arrival of the event that was answered first.
    """

    repeated: bool
    kind: FeedbackKind
    delivery_id: DeliveryId
    received_ms: int


@dataclass(frozen=True, slots=True)
class Reported:
    """
    `kind` was reported of the delivery `name` (`step-3`, `start_ms/24h`) `times`, for the first time at `first_ms`.
    """

    name: str
    kind: FeedbackKind
    first_ms: int
    times: int
    detail: str


class FeedbackLog:
    """Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def record(self, feedback: Feedback, *, webhook_id: str) -> FeedbackAnswer:
        """
        Keep one event and all that follows from it: one round trip, all or nothing; see `lua/feedback.lua`.

        `webhook_id` (`resend:msg_…`) is remembered for 45 days; a repetition gets the answer that the first one got.
        """
        is_suppressed = feedback.ends and feedback.address
        repeated, line = await self._store.run_json(
            "feedback.record",
            [keys.webhook(webhook_id)],
            data(delivery_of(feedback.delivery_id), feedback.received_ms)
            | {
                "contact": feedback.contact_id,
                "kind": feedback.kind.value,
                "event_ms": feedback.event_ms,
                "detail": feedback.detail,
                "ends": feedback.ends,
                "address_hash": self._store.address_hash(feedback.address or "") if is_suppressed else None,
                "provider_id": shortened(feedback.provider_id),
                "mailed_ms": feedback.mailed_ms,
                "remember_ms": REMEMBER_WEBHOOK_MS,
            },
        )
        kind, delivery_id, received_ms = line.split(" ")
        return FeedbackAnswer(
            repeated=bool(repeated),
            kind=FeedbackKind(kind),
            delivery_id=DeliveryId(delivery_id),
            received_ms=int(received_ms),
        )

    async def of(self, owner: str) -> list[Reported]:
        """All that was reported of the deliveries of one enrollment (`enr_…`) or one booking (`bkg_…`), in no order."""
        found = []
        for field, text in (await self._store.read_hash(keys.feedback(owner))).items():
            name, _, kind = field.rpartition(" ")
            first_ms, times, detail = text.split(" ", 2)
            found.append(Reported(name, FeedbackKind(kind), int(first_ms), int(times), detail))
        return found
