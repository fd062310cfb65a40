"""A finished simulation, as the invariants check it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.domain.cadence import Pace
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, Step
from common.ledger.bookings import ReportedCall
from services.simulation.call_history import CallHistory
from services.simulation.edits import VersionInForce
from services.simulation.engine import SignedUp
from services.simulation.providers import InMemoryMailer, InMemoryMirror, InMemoryTexter


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """
    What a simulation left behind.

    `history`: by campaign, the versions that were in force, the first one first. `calls`: those of `default_campaign`,
    as the ledger knows them. `histories` (by booking, what Cal.com reported), `stops` (by number, when it answered
    STOP) and `signups` (ordered by time) are independent accounts, against which the ledger is checked.
    """

    enrollments: Sequence[Enrollment]
    mailer: InMemoryMailer
    mirror: InMemoryMirror
    history: Mapping[str, Sequence[VersionInForce]]
    texter: InMemoryTexter
    calls: Sequence[ReportedCall]
    histories: Mapping[str, CallHistory]
    stops: Mapping[str, int]
    signups: Sequence[SignedUp]
    pace: Pace
    default_campaign: str

    def steps_of(self, enrollment: Enrollment) -> Sequence[Step]:
        """Return the steps of the last version of its campaign."""
        return self.history[enrollment.campaign][-1].cadence.steps

    def gap_of(self, *enrollments: Enrollment) -> int:
        """Return the largest gap of their campaigns, ms; each campaign counts with the smallest that it ever had."""
        versions = (self.history[enrollment.campaign] for enrollment in enrollments)
        return max(min(one.cadence.minimum_gap_ms for one in some) for some in versions)

    def in_force(self, campaign: str, at_ms: int) -> VersionInForce:
        """Return the version that was in force then."""
        versions = self.history[campaign]
        return next((one for one in reversed(versions) if one.since_ms <= at_ms), versions[0])

    def sent(self) -> Iterator[tuple[Enrollment, Step, int]]:
        """Yield every step that the provider accepted according to the ledger, and when, ms."""
        for enrollment in self.enrollments:
            for step, record in enrollment.records.items():
                if record.sent_ms is not None:
                    yield enrollment, step, record.sent_ms

    def call_records(self) -> Iterator[tuple[DeliveryId, Record]]:
        """Yield the record of each reminder and each follow-up."""
        for call in self.calls:
            for name, record in call.records.items():
                yield DeliveryId(f"{call.booking.id}/{name}"), record


Invariant = Callable[[FinishedRun], Iterator[str]]
"""Yields a line for each violation. The line names enrollments, never addresses."""


def may_be_out(record: Record | None) -> bool:
    """Return whether this is a dead letter that says that the provider may have accepted it."""
    return record is not None and record.status is DeliveryStatus.DEAD and "may have been" in record.detail
