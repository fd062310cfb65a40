"""What the ledger answers: one small value for each outcome of a transition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, EnrollmentId
from common.domain.segment import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """
    What became of a signup.

    `answer`: `accepted` for a new person, `duplicate` for a known one. `repeated`: this webhook id was answered before,
    and everything here is as it was then. `received_ms`: the instant of the event that was answered first. `email`: the
    address that the answer names.
    """

    answer: Literal["accepted", "duplicate"]
    repeated: bool
    enrollment_id: EnrollmentId
    email: str
    segment: Segment
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """
    The claim is ours: send it.

    `fence` names this claim in `freeze` and `settle`. `frozen`: the mail of an earlier attempt, to be sent as it is.
    `failures`: tries that failed and counted. `doubt`: an earlier try may have been accepted; `first_ms`: the instant
    of the first try, None before it.
    """

    delivery_id: DeliveryId
    step: int
    fence: int
    attempts: int
    failures: int
    due_ms: int
    first_ms: int | None
    doubt: bool
    frozen: str | None
    enrollment: Enrollment


@dataclass(frozen=True, slots=True)
class No:
    """
    Not now, or not any more; the ledger has done what follows from it.

    `why`: `already` met its fate · `exited` · `in hand` of another worker · `not yet` due, or too close to the last
    mail · `held`, the provider is in trouble · `unknown` to this ledger · `lost` to another worker.
    """

    why: Literal["already", "exited", "in hand", "not yet", "held", "unknown", "lost"]
    detail: str = ""
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A delivery that spent its attempts or never can succeed. `doubt`: it may have been accepted all the same."""

    delivery_id: DeliveryId
    enrollment: Enrollment
    step: int
    buried_ms: int
    reason: str
    attempts: int
    first_ms: int | None
    doubt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The state of the whole in numbers; `people` by status, `deliveries` by fate, queues by what waits in them."""

    people: dict[str, int]
    deliveries: dict[str, int]
    due_next_hour: int
    due_next_day: int
    overdue: int
    dead: int
    suppressed: int
    changed: int
    mirror_lag_ms: int
    queues: dict[str, dict[str, int]]
    workers: int
    circuits: dict[str, dict[str, str]]
