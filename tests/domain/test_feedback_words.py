"""What Resend's feedback means for a contact."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from common.domain.enrollment import ExitReason
from common.domain.feedback import PREVIOUS_COMPLAINT, Feedback, FeedbackKind
from common.domain.ids import enrollment_id, step_delivery_id

ADA = enrollment_id("christmas_2025", "ada@example.org")
ENDS = {
    FeedbackKind.BOUNCED: ExitReason.BOUNCED,
    FeedbackKind.SUPPRESSED: ExitReason.BOUNCED,
    FeedbackKind.COMPLAINED: ExitReason.COMPLAINED,
}


def reported(kind: FeedbackKind, detail: str = "") -> Feedback:
    return Feedback(
        kind=kind,
        delivery_id=step_delivery_id(ADA, 1),
        contact_id=ADA,
        event_ms=2,
        mailed_ms=1,
        received_ms=3,
        provider_id="re_1",
        detail=detail,
    )


@pytest.mark.parametrize("kind", FeedbackKind)
def test_a_sequence_ends_for_a_hard_bounce_a_suppression_and_a_complaint_only(kind: FeedbackKind) -> None:
    assert reported(kind).ends is ENDS.get(kind)


def test_suppression_for_an_earlier_complaint_counts_as_a_complaint() -> None:
    assert reported(FeedbackKind.SUPPRESSED, PREVIOUS_COMPLAINT).ends is ExitReason.COMPLAINED
    assert reported(FeedbackKind.BOUNCED, PREVIOUS_COMPLAINT).ends is ExitReason.BOUNCED
    assert reported(FeedbackKind.SUPPRESSED, "previous_bounce").ends is ExitReason.BOUNCED


def test_feedback_is_read_back_from_its_stored_fields() -> None:
    feedback = reported(FeedbackKind.DELIVERED)
    kept = {**asdict(feedback), "kind": "delivered"}

    assert Feedback.from_fields(kept) == feedback
    assert isinstance(Feedback.from_fields(kept).kind, FeedbackKind)


def test_error_of_invalid_feedback_says_what_is_wrong() -> None:
    kept = asdict(reported(FeedbackKind.DELIVERED))

    with pytest.raises(ValueError, match=r"^feedback has no colour, size$"):
        Feedback.from_fields({**kept, "size": 1, "colour": "red"})
    with pytest.raises(ValueError, match="'read' is not a valid FeedbackKind"):
        Feedback.from_fields({**kept, "kind": "read"})
    with pytest.raises(TypeError, match="provider_id"):
        Feedback.from_fields({name: value for name, value in kept.items() if name != "provider_id"})
