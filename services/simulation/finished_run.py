"""A simulation that has ended, as invariants look at it."""

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
    `history`: by campaign, the versions that were in force, the first one first. `calls`: as the ledger knows them, of
    the campaign `home`. `histories`: by booking, what Cal.com said of them, and `stops`: when a number answered STOP:
    an account of its own, to which the ledger is held; so are `signups`, in the order of time.
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
    home: str

    def steps_of(self, enrollment: Enrollment) -> Sequence[Step]:
        """The steps of its campaign, as it ended."""
        return self.history[enrollment.campaign][-1].cadence.steps

    def gap_of(self, *enrollments: Enrollment) -> int:
        """The larger of the gaps of their campaigns, ms; of a campaign, the smallest that it ever had."""
        versions = (self.history[enrollment.campaign] for enrollment in enrollments)
        return max(min(one.cadence.minimum_gap_ms for one in some) for some in versions)

    def in_force(self, campaign: str, at_ms: int) -> VersionInForce:
        """The version that was played then."""
        versions = self.history[campaign]
        return next((one for one in reversed(versions) if one.since_ms <= at_ms), versions[0])

    def sent(self) -> Iterator[tuple[Enrollment, Step, int]]:
        """Every step that the provider accepted, by the ledger, and when."""
        for enrollment in self.enrollments:
            for step, record in enrollment.records.items():
                if record.sent_ms is not None:
                    yield enrollment, step, record.sent_ms

    def call_records(self) -> Iterator[tuple[DeliveryId, Record]]:
        """What became of each reminder and each follow-up."""
        for call in self.calls:
            for name, record in call.records.items():
                yield DeliveryId(f"{call.booking.id}/{name}"), record


Invariant = Callable[[FinishedRun], Iterator[str]]
"""Yields a line for each violation. The line names enrollments, never addresses."""


def may_be_out(record: Record | None) -> bool:
    """A dead letter that says that the provider may have it all the same."""
    return record is not None and record.final_status is DeliveryStatus.DEAD and "may have been" in record.detail
