"""Reads only: of one person's steps, those still to come, and why they wait; and those that are not sent any more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import Step, step_delivery_id, step_name
from common.ledger import keys
from common.ledger.constants import MAIL, NOT_SENT
from common.ledger.ledger import Ledger
from common.ledger.pauses import ActivePauses

_NEVER_SENT = (DeliveryStatus.SKIPPED, DeliveryStatus.DEAD)
_HOLDS = {"paused": "this person is paused", "booked": "a call is booked"}


@dataclass(frozen=True, slots=True)
class Planned:
    """`what` is still to come, at `due_ms`; `why`: what keeps it back now, "" when only its time does."""

    due_ms: int
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """`what` was never claimed and is not sent any more."""

    what: str
    why: str


async def read_planned_steps(
    ledger: Ledger, enrollment: Enrollment, pauses: ActivePauses, *, now_ms: int
) -> AsyncIterator[Planned]:
    """In their order; what keeps all of them back is said of the first, and of those that are due."""
    fields = await ledger.store.read_hash(keys.enrollment(enrollment.id))
    why_all_wait = await _why_all_wait(ledger, enrollment, fields, pauses)
    gap_until_ms = await _gap_until_ms(ledger, enrollment, fields)
    circuit = await ledger.store.read_hash(keys.circuit(MAIL))
    is_first = True
    for step in ledger.cadence_of(enrollment.campaign).steps:
        if enrollment.final_status_of(step)[0] is not DeliveryStatus.PLANNED or _lacks_needed(ledger, enrollment, step):
            continue
        due_ms = _due_ms(ledger, enrollment, step)
        opened = await ledger.store.read_hash(keys.delivery(step_delivery_id(enrollment.id, step)))
        waits = _waits(opened, circuit if due_ms <= now_ms else {}, gap_until_ms, now_ms)
        until_ms, why = max(waits, key=lambda wait: wait[0])
        if until_ms <= max(due_ms, now_ms):
            until_ms, why = due_ms, ""
        if why_all_wait and (is_first or due_ms <= now_ms):
            why = why_all_wait
        yield Planned(until_ms, f"step {step} planned", "being sent" if opened.get("claim_id") else why)
        is_first = False


async def read_unsent_steps(ledger: Ledger, enrollment: Enrollment) -> AsyncIterator[NotSent]:
    """Those without a record of their own: after an exit, or because the step that they need was not sent."""
    cadence = ledger.cadence_of(enrollment.campaign)
    for step in cadence.steps:
        in_hand = keys.delivery(step_delivery_id(enrollment.id, step))
        if step in enrollment.records or await ledger.client.exists(in_hand):
            continue
        if enrollment.status is Status.EXITED:
            yield NotSent(f"step {step} not sent", enrollment.exit_reason or "")
        elif _lacks_needed(ledger, enrollment, step):
            yield NotSent(f"step {step} not sent", f"{step_name(cadence.needs[step])} {NOT_SENT}")


def _lacks_needed(ledger: Ledger, enrollment: Enrollment, step: Step) -> bool:
    """Whether it is skipped at its turn."""
    needed = ledger.cadence_of(enrollment.campaign).needs.get(step)
    return needed is not None and enrollment.final_status_of(needed)[0] in _NEVER_SENT


def _due_ms(ledger: Ledger, enrollment: Enrollment, step: Step) -> int:
    if step == enrollment.next_step and enrollment.next_due_ms:
        return enrollment.next_due_ms
    return ledger.cadence_of(enrollment.campaign).due_ms(anchor_ms=enrollment.anchor_ms, step=step)


async def _why_all_wait(ledger: Ledger, enrollment: Enrollment, fields: Mapping[str, str], pauses: ActivePauses) -> str:
    """What holds every mail of this enrollment, in the order of `deliveries.claim`."""
    if enrollment.status is Status.HELD:
        return "the signup is held"
    for reason, hold in (await ledger.holds.active()).items():
        if "/" not in reason:
            return f"all sending is held: {hold.why}"
    for word in fields.get("hold", "").split():
        return _HOLDS.get(word, f"held: {word}")
    if pauses.everybody is not None:
        return "everybody is paused"
    if enrollment.campaign in pauses.campaigns:
        return "the campaign is paused"
    return "the address is resting" if await ledger.suppressions.resting(enrollment.assessment.email) else ""


async def _gap_until_ms(ledger: Ledger, enrollment: Enrollment, fields: Mapping[str, str]) -> int:
    """Until when the minimum gap to the last mail, of this or another campaign, keeps the next one back."""
    gap_ms = ledger.cadence_of(enrollment.campaign).minimum_gap_ms
    until_ms = int(fields["last_sent_ms"]) + gap_ms if "last_sent_ms" in fields else 0
    for other in fields.get("others", "").split():
        theirs = await ledger.store.read_hash(keys.enrollment(other))
        terms = ledger.campaigns.get(theirs.get("campaign", ""))
        larger_ms = max(gap_ms, terms.cadence.minimum_gap_ms) if terms else gap_ms
        until_ms = max(until_ms, int(theirs["last_sent_ms"]) + larger_ms if "last_sent_ms" in theirs else 0)
    return until_ms


def _waits(
    opened: Mapping[str, str], circuit: Mapping[str, str], gap_until_ms: int, now_ms: int
) -> Iterator[tuple[int, str]]:
    """Until when something keeps this step back, and what; `opened`: its delivery, empty before its first claim."""
    yield 0, ""
    if opened.get("replayed") != "1":
        yield gap_until_ms, "the minimum gap to the last mail"
    if "until_ms" in circuit:
        yield max(int(circuit["until_ms"]), now_ms + 1), f"the circuit is open: {circuit.get('reason', '')}"
    if "last_error" in opened:
        yield int(opened.get("not_before_ms", 0)), opened["last_error"]
