"""The mirror's part of the ledger: which contacts differ from what Notion shows, and what was written to Notion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from common.domain.contact_booking_status import Person, UnenrolledContact, notion_booking_status
from common.domain.ids import EnrollmentId
from common.domain.projection import NotionBookingStatus
from common.ledger import codec, keys
from common.ledger.booking_codec import read_calls, read_unenrolled_contact
from common.ledger.codec import Settled, read_settled
from common.ledger.constants import MIRROR
from common.ledger.store import Store, flat, pairs


@dataclass(frozen=True, slots=True)
class Changed:
    """
    A contact whose newest state Notion does not show.

    `person`: the contact. `booking`: where their calls stand, None if they never had one.
    """

    person: Person
    booking: NotionBookingStatus | None

    @property
    def id(self) -> EnrollmentId:
        return self.person.id


class Mirror:
    """Hands out changed contacts to the workers that write them to Notion. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def request(self, *, due_ms: int, now_ms: int, again: EnrollmentId | None = None) -> None:
        """Schedule the mirror's pump for `due_ms`. `again`: a contact to be marked as changed again."""
        await self._store.run("mirror.request", [keys.CHANGED], [due_ms, now_ms, again or ""])

    async def take(self, *, worker: str, now_ms: int) -> Changed | None:
        """
        Return the contact with the newest change that Notion does not show yet, None if there is none.

        No other worker gets this contact until this one calls `record_shown` or `record_not_shown`, dies, or has taken
        two minutes.
        """
        answer = await self._store.run("mirror.take", [keys.CHANGED, keys.SYNCING], [worker, now_ms])
        if not answer:
            return None
        who, enrolled, contact = answer[0], pairs(answer[1]), pairs(answer[2])
        # A contact who never had a call has no HASH of calls.
        booking = notion_booking_status(list(read_calls(contact).values()), now_ms=now_ms) if contact else None
        if booking is not None and (answer_by_sms := contact.get("sms_answer")):
            booking = replace(booking, sms_answer=answer_by_sms)
        if not enrolled:
            return Changed(read_unenrolled_contact(who, contact), booking)
        enrollment = codec.read_enrollment(who, enrolled)
        # A contact who booked a call before signing up already has a page.
        return Changed(replace(enrollment, pages=codec.read_pages(contact) | enrollment.pages), booking)

    async def record_shown(
        self, person: Person, pages: Mapping[str, str], *, worker: str, now_ms: int
    ) -> Settled | None:
        """
        Record that Notion shows this revision of a contact, on these pages, and close Notion's circuit.

        Returns None if this worker no longer has the contact, or the contact was forgotten.
        """
        return await self._finish(person, worker=worker, now_ms=now_ms, pages=pages)

    async def record_not_shown(self, person: Person, *, worker: str, now_ms: int, again_ms: int, alone: bool) -> None:
        """
        Record that a contact could not be written to Notion. It stays changed and is taken again at `again_ms`.

        `alone`: only this contact cannot be written, so the other changes do not wait. It gets a job of its own, which
        waits longer after each failure.
        """
        await self._finish(person, worker=worker, now_ms=now_ms, again_ms=again_ms, alone=alone)

    async def _finish(
        self,
        person: Person,
        *,
        worker: str,
        now_ms: int,
        pages: Mapping[str, str] | None = None,
        again_ms: int | None = None,
        alone: bool = False,
    ) -> Settled | None:
        family = keys.contact if isinstance(person, UnenrolledContact) else keys.enrollment
        answer = await self._store.run_json(
            "mirror.finish",
            [family(person.id), keys.CHANGED, keys.SYNCING, keys.circuit(MIRROR)],
            {
                "contact": person.id,
                "worker": worker,
                "now_ms": now_ms,
                "revision": person.revision,
                "fields": flat(codec.page_fields(pages or {})),
                "again_ms": again_ms,
                "alone": alone or None,
            },
        )
        return read_settled(int(answer))
