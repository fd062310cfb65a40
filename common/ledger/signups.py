"""Signups: store a signup, and start its sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic_core import to_json

from common.domain.campaign_terms import CampaignTerms
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import EnrollmentId, step_name
from common.domain.note import Note
from common.domain.signup_bounds import SignupBounds
from common.ledger import keys
from common.ledger.codec import assessment_text, consent_text
from common.ledger.enrollments import terms_of
from common.ledger.mailboxes import Mailboxes
from common.ledger.store import Store
from common.ledger.versions import AnotherVersion

Answer = Literal["accepted", "duplicate", "closed", "excluded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """
    The result of a signup.

    `answer`: `accepted` for a new contact; `duplicate` for a known one; `closed`: nobody may enroll now; `excluded`:
    the contact is still in another campaign that this one excludes. `repeated`: this webhook id was answered before,
    and the other fields repeat that answer. `received_ms`: arrival of the event that was answered first. `email`: the
    address to name in the answer.
    """

    answer: Answer
    repeated: bool
    enrollment_id: EnrollmentId
    email: str
    segment: str
    received_ms: int


class Signups:
    """The signups of all campaigns. `bounds`: signups above these limits are held. Raises as `Store.run` does."""

    def __init__(
        self, store: Store, mailboxes: Mailboxes, campaigns: Mapping[str, CampaignTerms], *, bounds: SignupBounds
    ) -> None:
        self._store, self._mailboxes, self._campaigns = store, mailboxes, campaigns
        self._per_source = bounds.per_source
        self._always: dict[str, int] = {}
        if bounds.per_hour is not None:
            self._always["per_hour"] = bounds.per_hour

    async def accept(
        self,
        assessment: Assessment,
        *,
        webhook_id: str,
        received_ms: int,
        campaign: str | None = None,
        answer: Literal["accepted", "closed"] | None = None,
        answered_id: EnrollmentId | None = None,
        notes: Sequence[Note] = (),
        visitor: str | None = None,
    ) -> Acceptance:
        """
        Store a signup and schedule its classification, in one round trip. The call returns when everything is stored.

        `webhook_id` (`signup:msg_…`) is remembered for 45 days. `campaign`: by default the first one. `answer`,
        `answered_id`: for an event from the spool, the answer that the gateway already gave and the enrollment that it
        named; both are kept. `notes`: go to the timeline. `visitor`: how the website tells its visitors apart. Nothing
        is stored about a contact who was forgotten; the answer is the same as for a known contact.
        """
        terms = terms_of(self._campaigns, campaign)
        given: dict[str, Any] = {
            **self._mailboxes.lookup_ids_and_hashes(assessment.email, terms.key),
            **self._always,
            "received_ms": received_ms,
            "segment": terms.segment_of(assessment),
            "campaign": terms.key,
            "email": assessment.email,
        }
        if visitor is not None and self._per_source is not None:
            given |= {"visitor": visitor, "per_source": self._per_source}
        given |= self._among_campaigns(terms, assessment, received_ms)
        if language := terms.matching_language(assessment.locale):
            given["language"] = language
        if answer is not None:
            given |= {"answer": answer, "answered_id": answered_id} if answered_id else {"answer": answer}
        if assessment.consent is not None:
            given["consent"] = consent_text(assessment.consent)
        if (of_sms := assessment.sms_consent) is not None:
            at_ms = received_ms if of_sms.at_ms is None else of_sms.at_ms
            given["sms_consent"] = consent_text(replace(of_sms, at_ms=at_ms))
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
            segment=segment,
            received_ms=int(first_ms),
        )

    def _answered_address(self, known: str, sent: str) -> str:
        """
        Return the address to name in an answer: the known one, or the one that was sent if both are one mailbox.

        A repeated request then gets the same bytes as the first one.
        """
        is_another = known and self._store.mailbox(known) != self._store.mailbox(sent)
        return known if is_another else sent

    def _among_campaigns(self, terms: CampaignTerms, assessment: Assessment, received_ms: int) -> dict[str, Any]:
        """Return the fields about other campaigns and about refusals to enroll; each only where it applies."""
        given: dict[str, Any] = {}
        first = terms_of(self._campaigns, None)
        if len(self._campaigns) > 1:
            given["others"] = self._mailboxes.others(assessment.email, terms.key)
        if excludes := [self._mailboxes.lookup_ids(assessment.email, key) for key in terms.excludes]:
            given["excludes"] = excludes
        if not terms.is_open(received_ms):
            given["is_closed"] = True
        if excludes or "is_closed" in given or terms is not first:
            given |= {
                "contact": self._mailboxes.lookup_ids(assessment.email, first.key),
                "calls_campaign": first.key,
                "first_name": assessment.first_name,
            }
        return given

    async def enroll(self, enrollment: Enrollment, *, now_ms: int, announce: bool) -> Status | None:
        """
        Start the sequence of an accepted enrollment: plan its first step. Repeating the call changes nothing.

        `announce`: whether a hot lead is announced. Returns the enrollment's status, None if it is unknown. Raises
        AnotherVersion if the campaign's version in force is not the one that this ledger knows.
        """
        terms = terms_of(self._campaigns, enrollment.campaign)
        cadence = terms.cadence
        first = cadence.steps[0]
        first_ms = cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=first)
        status = await self._store.run_json(
            "signups.enroll",
            [keys.enrollment(enrollment.id)],
            {
                "id": enrollment.id,
                "now_ms": now_ms,
                "first": {"name": step_name(first), "due_ms": first_ms},
                "announce": announce,
                "campaign": terms.key,
                "version": terms.version,
                "segment": terms.segment_of(enrollment.assessment) if terms.version else None,
            },
        )
        if status == "another version":
            raise AnotherVersion(terms.key)
        return Status(status) if status else None
