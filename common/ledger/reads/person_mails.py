"""Read-only: every mail of one enrollment, sent and to come, with its state and the reason in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.domain.delivery import Channel, Delivery, DeliveryStatus, Record, delivery_of
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import EnrollmentId, Step, step_delivery_id, step_name
from common.formatting import duration
from common.ledger import keys
from common.ledger.codec import versions_of
from common.ledger.constants import MAIL, NOT_SENT
from common.ledger.ledger import Ledger
from common.ledger.pauses import ActivePauses
from common.ledger.store import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMail:
    """
    A step, or what is sent about a call.

    `campaign`: the one that it belongs to. `at_ms`: when it was sent or ended, or when it is to be sent. `state`: in
    words; `why`: the reason. `may_skip`, `may_send_now`: what a person of the team can decide about it. `version`: the
    campaign version that rendered it. `provider_id`: of a sent one. `dead_since_ms`: of a dead letter.
    """

    delivery: Delivery
    campaign: str
    at_ms: int
    state: str
    why: str
    is_to_come: bool
    is_sent: bool
    may_skip: bool = False
    may_send_now: bool = False
    version: str | None = None
    provider_id: str | None = None
    dead_since_ms: int | None = None

    @property
    def name(self) -> str:
        return mail_name(self.delivery)

    @property
    def is_sms(self) -> bool:
        return self.delivery.channel is Channel.SMS


def mail_name(delivery: Delivery) -> str:
    """Return its name on a contact's page: `step-3`; about calls, whose names repeat, the id `bkg_…/<start>/24h`."""
    return delivery.name if delivery.step is not None else delivery.id


async def read_person_mails(
    ledger: Ledger, enrollment: Enrollment, pauses: ActivePauses, *, now_ms: int
) -> list[PersonMail]:
    """Return the mails in the order of the campaign."""
    steps = ledger.cadence_of(enrollment.campaign).steps
    pipe = ledger.client.pipeline(transaction=False)
    pipe.hmget(keys.enrollment(enrollment.id), "hold", "last_sent_ms", "versions", "others")
    pipe.hgetall(keys.circuit(MAIL))
    for step in steps:
        pipe.hgetall(keys.delivery(f"{enrollment.id}/{step_name(step)}"))
        pipe.zscore(keys.DEAD, f"{enrollment.id}/{step_name(step)}")
    (hold, last_sent, versions, others), circuit, *rest = texts(await pipe.execute())
    stopped = await _why_enrollment_waits(ledger, enrollment, pauses, hold=hold or "")
    gap_ends_ms = await _gap_end_ms(ledger, enrollment, last_sent_ms=int(last_sent or 0), others=others or "")
    known = _Known(ledger, enrollment, gap_ends_ms, circuit, stopped, now_ms)
    of_step = versions_of(versions or "")
    found = []
    for step, fields, dead_since in zip(steps, rest[::2], rest[1::2], strict=True):
        record, delivery = enrollment.records.get(step), delivery_of(step_delivery_id(enrollment.id, step))
        if record is None:
            found.append(known.to_come(delivery, step, fields))
        else:
            found.append(ended_mail(delivery, enrollment.campaign, record, of_step.get(delivery.name), dead_since))
    return found


async def _why_enrollment_waits(ledger: Ledger, enrollment: Enrollment, pauses: ActivePauses, *, hold: str) -> str:
    """Return the reason in words; "" when mail is sent. `hold`: that of the enrollment, one word for each reason."""
    if enrollment.status is Status.HELD:
        return "the signup is held"
    if stopped := await why_all_wait(ledger, pauses, enrollment.id, enrollment.campaign):
        return stopped
    if hold:
        return ", ".join(_HOLDS.get(word, word) for word in hold.split())
    return "the address is resting" if await ledger.suppressions.resting(enrollment.assessment.email) else ""


async def why_all_wait(ledger: Ledger, pauses: ActivePauses, contact: EnrollmentId, campaign: str) -> str:
    """Return why no delivery of this contact is sent, in words; "" when they are sent."""
    for reason, held in (await ledger.holds.active()).items():
        if "/" not in reason:
            return f"all sending is held: {held.why}"
    for whom, pause in (
        ("this person is paused", pauses.contacts.get(contact)),
        ("everybody is paused", pauses.everybody),
        ("the campaign is paused", pauses.campaigns.get(campaign)),
    ):
        if pause is not None:
            return f"{whom} by {pause.by}" + (f": {pause.reason}" if pause.reason else "")
    return ""


async def _gap_end_ms(ledger: Ledger, enrollment: Enrollment, *, last_sent_ms: int, others: str) -> int:
    """Return when the minimum gap to the last mail, of any campaign, is over; 0 when there was no mail."""
    gap_ms = ledger.cadence_of(enrollment.campaign).minimum_gap_ms
    end_ms = last_sent_ms + gap_ms if last_sent_ms else 0
    for other in others.split():
        theirs = await ledger.store.read_hash(keys.enrollment(other))
        terms = ledger.campaigns.get(theirs.get("campaign", ""))
        larger_ms = max(gap_ms, terms.cadence.minimum_gap_ms if terms else 0)
        end_ms = max(end_ms, int(theirs["last_sent_ms"]) + larger_ms if "last_sent_ms" in theirs else 0)
    return end_ms


def ended_mail(
    delivery: Delivery, campaign: str, record: Record, version: str | None, dead_since: float | None
) -> PersonMail:
    """Return the mail of a delivery that has ended."""
    status = record.status
    sent = status.is_sent
    return PersonMail(
        delivery=delivery,
        campaign=campaign,
        at_ms=record.sent_ms or record.at_ms,
        state=_ENDED.get(status, str(status)),
        why="" if sent else record.detail,
        is_to_come=False,
        is_sent=sent,
        version=version,
        provider_id=record.detail if sent else None,
        dead_since_ms=int(dead_since) if dead_since is not None else None,
    )


_ENDED: Mapping[DeliveryStatus, str] = {
    DeliveryStatus.ACCEPTED: "sent; no report of its arrival yet",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.BOUNCED: "bounced",
    DeliveryStatus.COMPLAINED: "reported as spam",
    DeliveryStatus.SKIPPED: "not sent",
    DeliveryStatus.DEAD: "dead letter",
}
_HOLDS: Mapping[str, str] = {
    "booked": "a call is booked, or was cancelled within the last ten minutes",
    "paused": "paused",
}
_NEVER_SENT = (DeliveryStatus.SKIPPED, DeliveryStatus.DEAD)


@dataclass(frozen=True, slots=True)
class _Known:
    """What decides about the mails to come. `stopped`: why none of them is sent now, "" when mail is sent."""

    ledger: Ledger
    enrollment: Enrollment
    gap_ends_ms: int
    circuit: Mapping[str, str]
    stopped: str
    now_ms: int

    def to_come(self, delivery: Delivery, step: Step, fields: Mapping[str, str]) -> PersonMail:
        cadence = self.ledger.cadence_of(self.enrollment.campaign)
        due_ms = cadence.due_ms(anchor_ms=self.enrollment.anchor_ms, step=step)
        is_next = step == self.enrollment.next_step
        if is_next:
            due_ms = self.enrollment.next_due_ms or due_ms
        status, reason = self.enrollment.step_status(step)
        if needed := self._unsent_need(step):
            status, reason = DeliveryStatus.SKIPPED, f"{step_name(needed)} {NOT_SENT}"
        if status is DeliveryStatus.SKIPPED and not fields.get("claim_id"):
            return PersonMail(
                delivery=delivery,
                campaign=self.enrollment.campaign,
                at_ms=due_ms,
                state="not sent",
                why=reason,
                is_to_come=False,
                is_sent=False,
            )
        at_ms, state, why = self._waiting(fields, due_ms, is_next=is_next)
        is_active = self.enrollment.status is Status.ACTIVE
        is_waiting = is_next or bool(fields)
        return PersonMail(
            delivery=delivery,
            campaign=self.enrollment.campaign,
            at_ms=at_ms,
            state=state,
            why=why or f"{duration(cadence.offset_ms(step))} after the signup",
            is_to_come=True,
            is_sent=False,
            may_skip=is_active,
            may_send_now=is_active and is_waiting and not self.stopped,
        )

    def _unsent_need(self, step: Step) -> Step | None:
        """Return the step that this one needs, if that one ended without being sent."""
        needed = self.ledger.cadence_of(self.enrollment.campaign).needs.get(step)
        is_unsent = needed is not None and self.enrollment.step_status(needed)[0] in _NEVER_SENT
        return needed if is_unsent else None

    def _waiting(self, fields: Mapping[str, Any], due_ms: int, *, is_next: bool) -> tuple[int, str, str]:
        """Return (when it is sent, its state, the reason)."""
        is_near = is_next or bool(fields)
        held_up = held_up_by(
            fields, due_ms, stopped=self.stopped, circuit=self.circuit if is_near else {}, now_ms=self.now_ms
        )
        if held_up is not None:
            return held_up
        if is_next and self.gap_ends_ms > max(due_ms, self.now_ms) and fields.get("replayed") != "1":
            return self.gap_ends_ms, "planned", "keeps the minimum gap to the mail before"
        return due_ms, "due" if is_next and due_ms <= self.now_ms else "planned", ""


def held_up_by(
    fields: Mapping[str, Any], due_ms: int, *, stopped: str, circuit: Mapping[str, str], now_ms: int
) -> tuple[int, str, str] | None:
    """
    Return (when an open delivery is sent, its state, the reason) where a worker or trouble decides that.

    None: the schedule decides.
    """
    if fields.get("claim_id"):
        return due_ms, "is being sent", f"by {fields['claim_id'].partition('#')[0]}"
    if stopped:
        return due_ms, "waits", stopped
    again_ms, failures = int(fields.get("not_before_ms", 0)), int(fields.get("failures", 0))
    if "last_error" in fields and again_ms > now_ms:
        attempts = f"tried again after {failures} failed {'attempt' if failures == 1 else 'attempts'}"
        return again_ms, attempts if failures else "waits", fields["last_error"]
    if due_ms <= now_ms and "until_ms" in circuit:
        return due_ms, "waits", f"the provider is not working: {circuit.get('reason', '')}"
    return None
