"""Signups: keep one, and begin its sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic_core import to_json

from common.domain.cadence import Cadence
from common.domain.contact import Assessment, Segment
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import EnrollmentId, step_name
from common.domain.note import Note
from common.domain.signup_bounds import SignupBounds
from common.ledger import keys
from common.ledger.codec import assessment_text, consent_text
from common.ledger.constants import REMEMBER_WEBHOOK_MS
from common.ledger.mailboxes import Mailboxes
from common.ledger.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """
    What became of a signup.

    `answer`: `accepted` for a new contact, `duplicate` for a known one. `repeated`: this webhook id was answered
    before, and everything here is as it was then. `received_ms`: arrival of the event that was answered first. `email`:
    the address that the answer names.
    """

    answer: Literal["accepted", "duplicate"]
    repeated: bool
    enrollment_id: EnrollmentId
    email: str
    segment: Segment
    received_ms: int


class Signups:
    """Of one campaign. `bounds`: signups beyond them are held. Raises as `Store.run` does."""

    def __init__(
        self, store: Store, mailboxes: Mailboxes, *, campaign: str, cadence: Cadence, bounds: SignupBounds
    ) -> None:
        self._store, self._mailboxes, self._campaign, self._cadence = store, mailboxes, campaign, cadence
        self._per_source = bounds.per_source
        self._always = {"remember_ms": REMEMBER_WEBHOOK_MS, "campaign": campaign}
        if bounds.per_hour is not None:
            self._always["per_hour"] = bounds.per_hour

    async def accept(
        self,
        assessment: Assessment,
        *,
        webhook_id: str,
        received_ms: int,
        answered_id: EnrollmentId | None = None,
        notes: Sequence[Note] = (),
        visitor: str | None = None,
    ) -> Acceptance:
        """
        Keep a signup and ask for its classification: one round trip; answered only when all is done.

        `webhook_id` (`signup:msg_…`) is remembered for 45 days. `answered_id`: a gateway has answered already, from its
        spool, that this enrollment was accepted, and that stays the answer. `notes` go to the timeline. `visitor`: what
        the website tells its visitors apart by. Of a contact who was forgotten nothing is kept; their answer is that of
        a known one.
        """
        given = {
            **self._mailboxes.ids_and_hashes(assessment.email),
            **self._always,
            "received_ms": received_ms,
            "segment": assessment.segment,
            "email": assessment.email,
        }
        if visitor is not None and self._per_source is not None:
            given |= {"visitor": visitor, "per_source": self._per_source}
        if answered_id is not None:
            given["answered_id"] = answered_id
        if assessment.consent is not None:
            given["consent"] = consent_text(assessment.consent)
        if on_timeline := [note.to_json() for note in notes if note.is_on_timeline]:
            given["notes"] = on_timeline
        repeated, line, email = await self._store.run(
            "signups.accept",
            (keys.webhook(webhook_id),),
            (to_json(given), assessment_text(assessment)),
        )
        said, segment, first_ms, owner = line.split(" ")
        return Acceptance(
            answer=said,
            repeated=bool(repeated),
            enrollment_id=EnrollmentId(owner),
            email=self._answered_address(email, assessment.email),
            segment=Segment(segment),
            received_ms=int(first_ms),
        )

    def _answered_address(self, known: str, sent: str) -> str:
        """Of one mailbox an answer names the spelling that was sent, so that a repetition gets the same bytes."""
        is_another = known and self._store.mailbox(known) != self._store.mailbox(sent)
        return known if is_another else sent

    async def enroll(self, enrollment: Enrollment, *, now_ms: int, announce: bool) -> Status | None:
        """Begin the sequence of an accepted enrollment: its first step is planned. Repeating changes nothing."""
        first_ms = self._cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=1)
        status = await self._store.run_json(
            "signups.enroll",
            [keys.enrollment(enrollment.id)],
            {
                "id": enrollment.id,
                "now_ms": now_ms,
                "first": {"name": step_name(1), "due_ms": first_ms},
                "announce": announce,
            },
        )
        return Status(status) if status else None
