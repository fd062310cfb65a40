"""Feedback in the ledger: keep what the provider told of a mail, with all that follows, and read it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.domain.delivery import Record
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import DeliveryId, split_delivery_id
from common.ledger import keys
from common.ledger.ledger import REMEMBER_WEBHOOK_MS, Ledger
from common.ledger.short_ids import shortened

_WORDS = {FeedbackKind.SOFT_BOUNCED: "bounced for now", FeedbackKind.FAILED: "was not sent by the provider"}


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
class Told:
    """`kind` was told of the mail `name` (`step-3`, `start_ms/24h`) `times`, for the first time at `first_ms`."""

    name: str
    kind: FeedbackKind
    first_ms: int
    times: int
    detail: str


async def hear(ledger: Ledger, feedback: Feedback, *, webhook_id: str) -> FeedbackAnswer:
    """
    Keep one event and all that follows from it: one round trip, all or nothing; see `feedback.lua`.

    `webhook_id` (`resend:msg_…`) is remembered for 45 days; a repetition gets the answer that the first one got.
    Raises as the ledger does.
    """
    owner, name = split_delivery_id(feedback.delivery_id)
    repeated, line = await ledger.run_script(
        "feedback",
        [keys.webhook(webhook_id), keys.feedback(owner), keys.SUPPRESSED],
        [
            feedback.delivery_id,
            owner,
            name,
            feedback.contact_id,
            feedback.kind.value,
            feedback.event_ms,
            feedback.detail,
            feedback.ends or "",
            ledger.mark(feedback.address) if feedback.ends and feedback.address else "",
            shortened(feedback.provider_id),
            feedback.mailed_ms,
            feedback.received_ms,
            REMEMBER_WEBHOOK_MS,
            ledger.cadence.length,
        ],
    )
    kind, delivery, received_ms = line.split(" ")
    return FeedbackAnswer(
        repeated=bool(repeated), kind=FeedbackKind(kind), delivery_id=DeliveryId(delivery), received_ms=int(received_ms)
    )


async def told(ledger: Ledger, owner: str) -> list[Told]:
    """All that was told of the mails of one person (`enr_…`) or one booking (`bkg_…`), in no order."""
    found = []
    for field, text in (await ledger.read_hash(keys.feedback(owner))).items():
        name, _, kind = field.rpartition(" ")
        first_ms, times, detail = text.split(" ", 2)
        found.append(Told(name, FeedbackKind(kind), int(first_ms), int(times), detail))
    return found


async def happened(ledger: Ledger, owner: str, records: Mapping[str, Record]) -> list[tuple[int, str, str]]:
    """
    Lines of a timeline: (instant, what, detail), in no order. `records`: the fates of these mails, by name.

    Nothing happens to a mail before it is accepted; but a delivery may be quicker than the answer is written down.
    """
    sent_ms = {name: record.sent_ms or 0 for name, record in records.items()}
    return [_line(one, not_before_ms=sent_ms.get(one.name, 0)) for one in await told(ledger, owner)]


def _line(one: Told, *, not_before_ms: int) -> tuple[int, str, str]:
    mail = one.name.replace("-", " ") if one.name.startswith("step-") else f"reminder {one.name.rpartition('/')[2]}"
    times = f"{one.times} times" if one.times > 1 else ""
    detail = ", ".join(part for part in (one.detail, times) if part)
    return max(one.first_ms, not_before_ms), f"{mail} {_WORDS.get(one.kind, one.kind)}", detail
