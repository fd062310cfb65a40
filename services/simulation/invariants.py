"""The promises of Advent, as functions that look for a violation in a simulation that has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from zoneinfo import ZoneInfo

from common.domain.cadence import Cadence
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import Step, step_name
from common.domain.windows import Window, zone_named
from services.simulation.providers import InMemoryMailer, InMemoryMirror


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """
    A simulation that has ended. `steps`, `minimum_gap_ms`: of its first campaign, at its pace; `cadences`: of each,
    where there are several; `windows`: of each that has one, with the zone of people whose own is not known.
    """

    enrollments: Sequence[Enrollment]
    mailer: InMemoryMailer
    mirror: InMemoryMirror
    steps: int
    minimum_gap_ms: int
    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    windows: Mapping[str, tuple[Window, ZoneInfo]] = field(default_factory=dict)

    def steps_of(self, enrollment: Enrollment) -> Sequence[Step]:
        """The steps of its campaign."""
        cadence = self.cadences.get(enrollment.campaign)
        return cadence.steps if cadence else range(1, self.steps + 1)

    def gap_of(self, *enrollments: Enrollment) -> int:
        """The larger of the gaps of their campaigns, ms."""
        cadences = (self.cadences.get(enrollment.campaign) for enrollment in enrollments)
        return max(cadence.minimum_gap_ms if cadence else self.minimum_gap_ms for cadence in cadences)


Invariant = Callable[[FinishedRun], Iterator[str]]
"""Yields a line for each violation. The line names enrollments, never addresses."""


def nobody_receives_a_step_twice(run: FinishedRun) -> Iterator[str]:
    """The provider accepted at most one mail for each idempotency key, and for each step of a contact."""
    for key, mails in run.mailer.accepted_by_key.items():
        if len(mails) > 1:
            yield f"{key} was accepted {len(mails)} times"
    counts = Counter(tuple(sorted(mail.tags.items())) for _, mail in run.mailer.accepted_mails)
    for tags, count in counts.items():
        if count > 1:
            yield f"{dict(tags)} was accepted {count} times"


def every_planned_delivery_ends(run: FinishedRun) -> Iterator[str]:
    """Every step of every contact has a final status, and every enrollment has ended."""
    for enrollment in run.enrollments:
        if enrollment.status not in (Status.COMPLETED, Status.EXITED):
            yield f"{enrollment.id} is {enrollment.status}"
        for step in run.steps_of(enrollment):
            if not enrollment.final_status_of(step)[0].is_final:
                yield f"{enrollment.id}/{step_name(step)} has no final status"


def the_ledger_says_what_the_provider_has(run: FinishedRun) -> Iterator[str]:
    """The ledger calls exactly those deliveries sent that the provider accepted."""
    accepted = {(mail.tags.get("enrollment"), mail.tags.get("step")) for _, mail in run.mailer.accepted_mails}
    for enrollment in run.enrollments:
        for step in run.steps_of(enrollment):
            has, says = (enrollment.id, step_name(step)) in accepted, enrollment.final_status_of(step)[0].is_sent
            if has != says:
                yield f"{enrollment.id}/{step_name(step)}: sent in the ledger: {says}, accepted by the provider: {has}"


def two_mails_keep_their_gap(run: FinishedRun) -> Iterator[str]:
    """Between two steps of a contact lies at least the campaign's minimum gap."""
    for enrollment in run.enrollments:
        sent = sorted(record.sent_ms for record in enrollment.records.values() if record.sent_ms)
        for earlier, later in pairwise(sent):
            if later - earlier < run.gap_of(enrollment):
                yield f"{enrollment.id}: two mails within {later - earlier} ms"


def mails_of_two_campaigns_keep_the_larger_gap(run: FinishedRun) -> Iterator[str]:
    """Between two steps of one person in two campaigns lies at least the larger of their gaps."""
    people: dict[str, list[tuple[int, Enrollment]]] = {}
    for enrollment in run.enrollments:
        sent = [(record.sent_ms, enrollment) for record in enrollment.records.values() if record.sent_ms]
        people.setdefault(enrollment.assessment.email, []).extend(sent)
    for mails in people.values():
        for (earlier_ms, earlier), (later_ms, later) in pairwise(sorted(mails, key=itemgetter(0))):
            if earlier is not later and later_ms - earlier_ms < run.gap_of(earlier, later):
                yield f"{earlier.id} and {later.id}: two mails within {later_ms - earlier_ms} ms"


def mail_goes_within_its_window(run: FinishedRun) -> Iterator[str]:
    """A step goes while its campaign's window is open for this person; what may be out already waits for nothing."""
    for enrollment in run.enrollments:
        if enrollment.campaign not in run.windows:
            continue
        window, default_zone = run.windows[enrollment.campaign]
        zone = zone_named(enrollment.assessment.timezone) or default_zone
        for step, record in enrollment.records.items():
            sent_ms = record.sent_ms
            if sent_ms and record.attempts <= 1 and window.opening_ms(sent_ms, zone) != sent_ms:
                yield f"{enrollment.id}/{step_name(step)} went outside the sending window"


def every_dead_letter_says_why(run: FinishedRun) -> Iterator[str]:
    """Every dead letter has a reason."""
    for enrollment in run.enrollments:
        for step, record in enrollment.records.items():
            if record.final_status is DeliveryStatus.DEAD and not record.detail:
                yield f"{enrollment.id}/{step_name(step)} is dead without a reason"


def notion_shows_the_end(run: FinishedRun) -> Iterator[str]:
    """Notion shows the last state of every enrollment."""
    for enrollment in run.enrollments:
        row = run.mirror.rows.get(enrollment.id)
        if row is None or row.revision != enrollment.revision:
            yield f"{enrollment.id}: Notion shows {'nothing' if row is None else 'an older state'}"


INVARIANTS: tuple[Invariant, ...] = (
    nobody_receives_a_step_twice,
    every_planned_delivery_ends,
    the_ledger_says_what_the_provider_has,
    two_mails_keep_their_gap,
    mails_of_two_campaigns_keep_the_larger_gap,
    mail_goes_within_its_window,
    every_dead_letter_says_why,
    notion_shows_the_end,
)


def violations(run: FinishedRun) -> list[str]:
    """`promise: what broke it`, for everything that did."""
    return [f"{promise.__name__}: {line}" for promise in INVARIANTS for line in promise(run)]
