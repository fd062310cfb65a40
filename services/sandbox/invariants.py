"""What we promise, as sentences that a rehearsal checks of everybody who took part in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from services.sandbox.simulation import Board, PostOffice


@dataclass(frozen=True, slots=True)
class Played:
    """A rehearsal that came to its end. `steps`, `minimum_gap_ms`: of its campaign, at its pace."""

    enrollments: Sequence[Enrollment]
    post_office: PostOffice
    board: Board
    steps: int
    minimum_gap_ms: int


Invariant = Callable[[Played], Iterator[str]]
"""Yields a line for each violation; names enrollments, never people."""


def nobody_receives_a_step_twice(played: Played) -> Iterator[str]:
    """The provider has accepted at most one mail under each key, and one of each step and person."""
    for key, mails in played.post_office.accepted.items():
        if len(mails) > 1:
            yield f"{key} was accepted {len(mails)} times"
    marks = Counter(tuple(sorted(mail.tags.items())) for _, mail in played.post_office.delivered_ms)
    for mark, number in marks.items():
        if number > 1:
            yield f"{dict(mark)} was accepted {number} times"


def every_planned_delivery_ends(played: Played) -> Iterator[str]:
    """Every step of everybody has met a fate, and every enrollment has ended."""
    for enrollment in played.enrollments:
        if enrollment.status not in (Status.COMPLETED, Status.EXITED):
            yield f"{enrollment.id} is {enrollment.status}"
        for step in range(1, played.steps + 1):
            if not enrollment.fate_of(step)[0].is_final:
                yield f"{enrollment.id}/step-{step} has no fate"


def the_ledger_says_what_the_provider_has(played: Played) -> Iterator[str]:
    """What the ledger calls sent was accepted, and what was accepted it calls sent."""
    accepted = {(mail.tags.get("enrollment"), mail.tags.get("step")) for _, mail in played.post_office.delivered_ms}
    for enrollment in played.enrollments:
        for step in range(1, played.steps + 1):
            has, says = (enrollment.id, f"step-{step}") in accepted, enrollment.fate_of(step)[0].is_sent
            if has != says:
                yield f"{enrollment.id}/step-{step}: sent in the ledger: {says}, accepted by the provider: {has}"


def two_mails_keep_their_gap(played: Played) -> Iterator[str]:
    """No two nurture mails of one person lie closer than the campaign's minimum gap."""
    for enrollment in played.enrollments:
        sent = sorted(record.sent_ms for record in enrollment.records.values() if record.sent_ms)
        for earlier, later in pairwise(sent):
            if later - earlier < played.minimum_gap_ms:
                yield f"{enrollment.id}: two mails within {later - earlier} ms"


def every_dead_letter_says_why(played: Played) -> Iterator[str]:
    """No delivery is dead without a reason."""
    for enrollment in played.enrollments:
        for step, record in enrollment.records.items():
            if record.fate is DeliveryStatus.DEAD and not record.detail:
                yield f"{enrollment.id}/step-{step} is dead without a reason"


def notion_shows_the_end(played: Played) -> Iterator[str]:
    """Notion shows of everybody what the ledger says at the end."""
    for enrollment in played.enrollments:
        row = played.board.rows.get(enrollment.id)
        if row is None or row.revision != enrollment.revision:
            yield f"{enrollment.id}: Notion shows {'nothing' if row is None else 'an older state'}"


INVARIANTS: tuple[Invariant, ...] = (
    nobody_receives_a_step_twice,
    every_planned_delivery_ends,
    the_ledger_says_what_the_provider_has,
    two_mails_keep_their_gap,
    every_dead_letter_says_why,
    notion_shows_the_end,
)


def violations(played: Played) -> list[str]:
    """`promise: what broke it`, for everything that did."""
    return [f"{promise.__name__}: {line}" for promise in INVARIANTS for line in promise(played)]
