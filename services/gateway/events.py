"""What comes in at the door: facts in the past tense, and the form in which the spool keeps them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from common.domain.contact import Assessment
from common.domain.ids import EnrollmentId, enrollment_id
from common.domain.segment import Segment
from common.domain.suppression import Unsubscribe


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the answer to a kept event is made of; `email` and `segment` are empty for an unsubscribe."""

    enrollment_id: EnrollmentId
    email: str
    segment: Segment | None
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupReceived:
    """A verified, valid signup. `received_ms` is the instant from which every step counts."""

    webhook_id: str
    received_ms: int
    assessment: Assessment

    def kept(self, campaign: str) -> Kept:
        return Kept(
            kind="signup",
            id=self.webhook_id,
            received_ms=self.received_ms,
            enrollment_id=enrollment_id(campaign, self.assessment.email),
            segment=self.assessment.segment,
            payload=asdict(self.assessment),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeReceived:
    """Somebody pressed the button, or their mail program did."""

    who: Unsubscribe
    received_ms: int

    def kept(self) -> Kept:
        return Kept(
            kind="unsubscribe",
            id=f"unsubscribe:{self.who.enrollment_id}",
            received_ms=self.received_ms,
            enrollment_id=self.who.enrollment_id,
            segment=None,
            payload={"mark": self.who.mark},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """
    An event as one line of the spool holds it.

    `id`: the ledger's name for it, by which a repetition is known. `payload`: the fields of the assessment, or the
    mark of the address.
    """

    kind: Literal["signup", "unsubscribe"]
    id: str
    received_ms: int
    enrollment_id: EnrollmentId
    segment: Segment | None
    payload: dict[str, Any]

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Kept:
        """Raises TypeError or ValueError when these are not the fields of an event."""
        kept = cls(**fields)
        if kept.kind not in ("signup", "unsubscribe"):
            raise ValueError(f"unknown kind of event: {kept.kind}")
        return cls(**{**fields, "segment": Segment(kept.segment) if kept.segment else None})

    def receipt(self) -> Receipt:
        return Receipt(self.enrollment_id, self.payload.get("email", ""), self.segment, self.received_ms)

    def assessment(self) -> Assessment:
        return Assessment(**self.payload)
