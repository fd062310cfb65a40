"""Read-only: what is sent to one contact about their calls, by mail and SMS, with its state and the reason in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.domain.delivery import Delivery, DeliveryStatus, Kind, Record, delivery_of
from common.domain.ids import DeliveryId, EnrollmentId
from common.formatting import duration
from common.ledger import keys
from common.ledger.bookings import ReportedCall
from common.ledger.codec import versions_of
from common.ledger.constants import PROVIDER_OF
from common.ledger.ledger import Ledger
from common.ledger.pauses import ActivePauses
from common.ledger.reads.person_mails import PersonMail, ended_mail, held_up_by, why_all_wait
from common.ledger.store import texts


async def read_call_mails(
    ledger: Ledger, contact: EnrollmentId, calls: Sequence[ReportedCall], pauses: ActivePauses, *, now_ms: int
) -> list[PersonMail]:
    """Return the mails and SMS about all these calls, soonest first. `contact`: the one whose calls they are."""
    found = []
    for call in calls:
        found += await _of_call(ledger, contact, call, pauses, now_ms)
    return sorted(found, key=lambda mail: mail.at_ms)


async def _of_call(
    ledger: Ledger, contact: EnrollmentId, call: ReportedCall, pauses: ActivePauses, now_ms: int
) -> list[PersonMail]:
    guest = call.booking.id
    deliveries = [delivery_of(DeliveryId(f"{guest}/{name}")) for name in call.records]
    pipe = ledger.client.pipeline(transaction=False)
    pipe.hmget(keys.guest(guest), "campaign", "versions")
    for delivery in deliveries:
        pipe.hgetall(keys.delivery(delivery.id))
        pipe.zscore(keys.DEAD, delivery.id)
        pipe.hgetall(keys.circuit(PROVIDER_OF[delivery.channel]))
    (known, versions), *rest = texts(await pipe.execute())
    campaign = known or ledger.campaign
    stopped = await why_all_wait(ledger, pauses, contact, campaign)
    version_of = versions_of(versions or "")
    found = []
    for place, delivery in enumerate(deliveries):
        record, (fields, dead_since, circuit) = call.records[delivery.name], rest[3 * place : 3 * place + 3]
        if record.status is DeliveryStatus.PLANNED:
            found.append(_to_come(delivery, campaign, record, fields, stopped, circuit, now_ms))
        else:
            found.append(ended_mail(delivery, campaign, record, version_of.get(delivery.name), dead_since))
    return found


def _to_come(
    delivery: Delivery,
    campaign: str,
    record: Record,
    fields: Mapping[str, Any],
    stopped: str,
    circuit: Mapping[str, str],
    now_ms: int,
) -> PersonMail:
    due_ms = int(fields.get("not_before_ms", record.at_ms))
    at_ms, state, why = held_up_by(fields, due_ms, stopped=stopped, circuit=circuit, now_ms=now_ms) or (
        due_ms,
        "due" if due_ms <= now_ms else "planned",
        "",
    )
    return PersonMail(
        delivery=delivery,
        campaign=campaign,
        at_ms=at_ms,
        state=state,
        why=why or _reason(delivery, due_ms),
        is_to_come=True,
        is_sent=False,
        may_skip=True,
        may_send_now=not stopped,
    )


def _reason(delivery: Delivery, due_ms: int) -> str:
    """Return why it is sent at that time."""
    if delivery.kind is Kind.FOLLOW_UP or delivery.call_start_ms is None:
        return f"follows the call: {delivery.call_state}"
    return f"{duration(delivery.call_start_ms - due_ms)} before the call"
