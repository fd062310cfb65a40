"""Reads only: one person's whole story, for `advent contact` and the console's page of a person."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment
from common.domain.ids import EnrollmentId
from common.ledger.booking_views import caller
from common.ledger.booking_views import planned as planned_reminders
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause, standing
from common.ledger.views import Entry, timeline


@dataclass(frozen=True, slots=True)
class Planned:
    """`what` is still to come, at `due_ms`."""

    due_ms: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """
    What happened to one person, oldest first, and what is to come, soonest first.

    `enrollment_id`: of somebody who booked a call and never signed up, what their enrollment's would be; then `status`
    is *not enrolled*, `segment` is None. `paused`: of this person; `everybody_paused`: of the campaign.
    """

    enrollment_id: EnrollmentId
    email: str
    first_name: str
    segment: str | None
    status: str
    exit_reason: str | None
    paused: Pause | None
    everybody_paused: Pause | None
    happened: list[Entry]
    next: list[Planned]


async def story_of(ledger: Ledger, identity: EnrollmentId) -> Handler | None:
    """None for somebody who neither signed up nor booked a call."""
    enrollment = await ledger.enrollment(identity)
    booked = await caller(ledger, identity) if enrollment is None else None
    if enrollment is None and booked is None:
        return None
    if enrollment is not None:
        assessment = enrollment.assessment
        email, first_name = assessment.email, assessment.first_name
    else:
        assert booked is not None
        email, first_name = booked.email, booked.first_name or ""
    pauses = await standing(ledger)
    reminders = [Planned(due_ms, what) for due_ms, what in await planned_reminders(ledger, identity)]
    steps = _steps(ledger, enrollment) if enrollment else []
    return Handler(
        enrollment_id=identity,
        email=email,
        first_name=first_name,
        segment=enrollment.segment if enrollment else None,
        status=enrollment.status if enrollment else "not enrolled",
        exit_reason=enrollment.exit_reason if enrollment else None,
        paused=pauses.people.get(identity),
        everybody_paused=pauses.everybody,
        happened=await timeline(ledger, identity),
        next=sorted(steps + reminders, key=lambda each: each.due_ms),
    )


def _steps(ledger: Ledger, enrollment: Enrollment) -> list[Planned]:
    """The steps still to come; the one in the schedule at its own instant, which a hold or a gap may have moved."""
    steps = [
        step for step in range(1, ledger.cadence.length + 1) if enrollment.fate_of(step)[0] is DeliveryStatus.PLANNED
    ]
    dues = {step: ledger.cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=step) for step in steps}
    if enrollment.next_step in dues and enrollment.next_due_ms is not None:
        dues[enrollment.next_step] = enrollment.next_due_ms
    return [Planned(due_ms, f"step {step} planned") for step, due_ms in dues.items()]
