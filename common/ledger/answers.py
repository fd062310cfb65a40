"""What the ledger answers: one small value for each outcome of a transition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from common.domain.contact_booking_status import Person
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, EnrollmentId
from common.domain.projection import BookingStanding
from common.domain.segment import Segment
from common.domain.series import Booking


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
class ClaimGranted:
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

    @property
    def address(self) -> str:
        return self.enrollment.assessment.email


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderClaimGranted:
    """
    The claim of a reminder is ours: send it. As `Go`; `name`: `24h`.

    `contact_id`: whose call it is; the id that their enrollment has or would have.
    """

    delivery_id: DeliveryId
    name: str
    fence: int
    attempts: int
    failures: int
    due_ms: int
    first_ms: int | None
    doubt: bool
    frozen: str | None
    contact_id: EnrollmentId
    booking: Booking

    @property
    def address(self) -> str:
        return self.booking.email or ""


Claim = ClaimGranted | ReminderClaimGranted


@dataclass(frozen=True, slots=True)
class ClaimRefused:
    """
    Not now, or not any more; the ledger has done what follows from it.

    `why`: `already` met its fate · `exited` · `in hand` of another worker · `not yet` due, or too close to the last
    mail · `held`, the provider is in trouble, or the enrollment is held for a reason (`until_ms` 0) · `unknown` to this
    ledger · `lost` to another worker ·
    `dead`: the third worker died of it.
    """

    why: Literal["already", "exited", "in hand", "not yet", "held", "unknown", "lost", "dead"]
    detail: str = ""
    until_ms: int | None = None


def read_no(answer: list[Any]) -> ClaimRefused:
    """From a script's `[why, detail]`, or `[why, until_ms, detail]` of those that wait."""
    why, *rest = answer
    if why in ("not yet", "held"):
        return ClaimRefused(why, str(rest[1]) if len(rest) > 1 else "", int(rest[0]))
    return ClaimRefused(why, str(rest[0]) if rest else "")


@dataclass(frozen=True, slots=True)
class Settled:
    """
    Written down. `troubled_since_ms`: this ended a trouble for which everybody had waited since then, None: none.

    `is_told`: not as asked for, but as accepted, since the provider told so while the worker had it in hand.
    """

    troubled_since_ms: int | None
    is_told: bool = False


def read_settled(answer: int) -> Settled | None:
    """From a script's 0, 1, -1 or instant since when everybody had waited; None: another worker settles it."""
    return Settled(answer if answer > 1 else None, is_told=answer < 0) if answer else None


@dataclass(frozen=True, slots=True)
class Trouble:
    """
    Everybody waits for a provider until then.

    `news`: `opened` when this failure began it, `changed` when its reason is another one now; "" when all is known.
    """

    until_ms: int
    news: Literal["opened", "changed", ""]


@dataclass(frozen=True, slots=True)
class Changed:
    """Whom Notion does not show as they are: the person, and where their calls stand, None when there never was one."""

    person: Person
    booking: BookingStanding | None

    @property
    def id(self) -> EnrollmentId:
        return self.person.id


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    A delivery that spent its attempts or never can succeed. `doubt`: it may have been accepted all the same.

    `name`: `step-3`, or `24h` of a reminder; `step`: None for a reminder. `asked_ms`: since when a worker is to replay
    it; `refused`: why one did not, or "".
    """

    delivery_id: DeliveryId
    address: str
    name: str
    step: int | None
    buried_ms: int
    reason: str
    attempts: int
    first_ms: int | None
    doubt: bool
    asked_ms: int | None = None
    refused: str = ""
