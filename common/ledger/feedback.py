"""Feedback in the ledger: store what the provider reports about a delivery, with its consequences, and read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.domain.delivery import delivery_of
from common.domain.feedback import SOFT_BOUNCE_LIMIT, UNKNOWN_ID, Feedback, FeedbackKind
from common.domain.ids import DeliveryId, EnrollmentId
from common.ledger import codec, keys
from common.ledger.booking_codec import read_calls
from common.ledger.codec import shortened
from common.ledger.constants import REMEMBER_WEBHOOK_MS
from common.ledger.deliveries import delivery_fields
from common.ledger.mailboxes import Mailboxes
from common.ledger.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackAnswer:
    """
    The content of the answer to feedback, the same as for the first event under this webhook id.

    `repeated`: this webhook id was answered before. `received_ms`: arrival of the event that was answered first.
    `delivery_id`: None if the mail is not one of ours. `is_ignored`: it is not, and nothing was stored about it.
    """

    repeated: bool
    kind: FeedbackKind
    delivery_id: DeliveryId | None
    received_ms: int
    is_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """
    One kind of feedback about the delivery `name` (`step-3`, `start_ms/24h`): how often it was reported, first when.
    """

    name: str
    kind: FeedbackKind
    first_ms: int
    times: int
    detail: str


CONTENT_BOUNCES_MS = 86_400_000
"""Mails that were refused for their content are counted over this period, a day."""


class FeedbackLog:
    """What providers reported about deliveries. Raises as `Store.run` does."""

    def __init__(self, store: Store, mailboxes: Mailboxes, *, soft_bounce_limit: int = SOFT_BOUNCE_LIMIT) -> None:
        self._store, self._mailboxes = store, mailboxes
        self._soft_bounce_limit = soft_bounce_limit

    async def record(self, feedback: Feedback, *, webhook_id: str) -> FeedbackAnswer:
        """
        Store one event with all its consequences: one round trip, all or nothing; see `lua/feedback.lua`.

        `webhook_id` (`resend:msg_…`) is remembered for 45 days; a repetition gets the answer that the first one got. A
        mail without our tags is searched by the provider's id, in each campaign. If it is not ours, an event that ends
        mail (a bounce, a complaint) still suppresses an address that is known here; everything else is ignored.
        """
        webhook = keys.webhook(webhook_id)
        if feedback.delivery_id is None:
            contacts = [feedback.contact_id]
            if feedback.address is not None:
                contacts = await self._mailboxes.in_campaigns(feedback.address)
            found = await self._find_delivery(contacts, shortened(feedback.provider_id))
            if found is None:
                return await self._record_foreign(feedback, contacts, webhook)
            contact, delivery_id = found
            feedback = replace(feedback, contact_id=contact, delivery_id=delivery_id)
        assert feedback.delivery_id is not None
        delivery = delivery_fields(delivery_of(feedback.delivery_id), feedback.received_ms)
        repeated, line = await self._store.run_json("feedback.record", [webhook], delivery | self._given(feedback))
        return _answer(bool(repeated), line)

    async def _record_foreign(
        self, feedback: Feedback, contacts: Sequence[EnrollmentId], webhook: str
    ) -> FeedbackAnswer:
        ignored = FeedbackAnswer(
            repeated=False,
            kind=feedback.kind,
            delivery_id=None,
            received_ms=feedback.received_ms,
            is_ignored=True,
        )
        if not feedback.ends or not feedback.address:
            return ignored
        given = {"now_ms": feedback.received_ms, "contacts": contacts} | self._given(feedback)
        repeated, line = await self._store.run_json("feedback.record_foreign", [webhook], given)
        return _answer(bool(repeated), line) if line else ignored

    def _given(self, feedback: Feedback) -> dict[str, Any]:
        address_hash = None
        if feedback.ends and feedback.is_of_sms:
            address_hash = self._store.number_hash(feedback.number) if feedback.number else None
        elif feedback.ends and feedback.address:
            address_hash = self._store.address_hash(feedback.address)
        return {
            "contact": feedback.contact_id,
            "kind": feedback.kind.value,
            "event_ms": feedback.event_ms,
            "detail": feedback.detail,
            "ends": feedback.ends,
            "address_hash": address_hash,
            "provider_id": shortened(feedback.provider_id),
            "mailed_ms": feedback.mailed_ms,
            "remember_ms": REMEMBER_WEBHOOK_MS,
            "soft_bounce_limit": self._soft_bounce_limit,
            "content_bounces_ms": CONTENT_BOUNCES_MS,
        }

    async def _find_delivery(
        self, contacts: Sequence[EnrollmentId], provider_id: str
    ) -> tuple[EnrollmentId, DeliveryId] | None:
        """Return the delivery to one of these contacts that the provider accepted under this id, and its contact."""
        if provider_id == UNKNOWN_ID:
            return None
        for contact in contacts:
            calls = read_calls(await self._store.read_hash(keys.contact(contact)))
            for owner in (contact, *calls):
                if name := await self._accepted_as(owner, provider_id):
                    return contact, DeliveryId(f"{owner}/{name}")
        return None

    async def _accepted_as(self, owner: str, provider_id: str) -> str | None:
        records = codec.read_records(await self._store.read_hash(keys.owner(owner)))
        sent = ((name, record.detail) for name, record in records.items() if record.sent_ms is not None)
        return next((name for name, detail in sent if shortened(detail) == provider_id), None)

    async def of(self, owner: str) -> list[Reported]:
        """Return all feedback on the deliveries of an enrollment (`enr_…`) or booking guest (`bkg_…`), in no order."""
        found = []
        for field, text in (await self._store.read_hash(keys.feedback(owner))).items():
            name, _, kind = field.rpartition(" ")
            first_ms, times, detail = text.split(" ", 2)
            found.append(Reported(name, FeedbackKind(kind), int(first_ms), int(times), detail))
        return found


def _answer(repeated: bool, line: str) -> FeedbackAnswer:
    """Read a script's answer, `kind delivery received_ms`; the delivery is `-` for a mail that is not ours."""
    kind, delivery_id, received_ms = line.split(" ")
    return FeedbackAnswer(
        repeated=repeated,
        kind=FeedbackKind(kind),
        delivery_id=None if delivery_id == "-" else DeliveryId(delivery_id),
        received_ms=int(received_ms),
    )
