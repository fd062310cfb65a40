"""The mirror's part of the ledger: who differs from what Notion shows, and what it shows since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from common.domain.contact_booking_status import Person, UnenrolledContact, standing_of
from common.domain.ids import EnrollmentId
from common.domain.projection import BookingStanding
from common.ledger import codec, keys
from common.ledger.booking_codec import read_caller, read_calls
from common.ledger.codec import Settled, read_settled
from common.ledger.constants import MIRROR
from common.ledger.store import Store, flat, pairs


@dataclass(frozen=True, slots=True)
class Changed:
    """Whom Notion does not show as they are: the person, and where their calls stand, None when there never was one."""

    person: Person
    booking: BookingStanding | None

    @property
    def id(self) -> EnrollmentId:
        return self.person.id


class Mirror:
    """Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def request(self, *, due_ms: int, now_ms: int, again: EnrollmentId | None = None) -> None:
        """Have the mirror's pump come at `due_ms`; and one person be among the changed again."""
        await self._store.run("mirror.request", [keys.CHANGED], [due_ms, now_ms, again or ""])

    async def take(self, *, worker: str, now_ms: int) -> Changed | None:
        """
        The person who changed last and whom Notion does not show yet; this worker's alone until it says how it went.
        """
        answer = await self._store.run("mirror.take", [keys.CHANGED, keys.SYNCING], [worker, now_ms])
        if not answer:
            return None
        who, enrolled, contact = answer[0], pairs(answer[1]), pairs(answer[2])
        # Nothing is kept of the calls of a contact who never had one.
        booking = standing_of(list(read_calls(contact).values()), now_ms=now_ms) if contact else None
        if booking is not None and (answer_by_sms := contact.get("sms_answer")):
            booking = replace(booking, sms_answer=answer_by_sms)
        if not enrolled:
            return Changed(read_caller(who, contact), booking)
        enrollment = codec.read_enrollment(who, enrolled)
        # A contact who booked before they signed up has a page already.
        return Changed(replace(enrollment, pages=codec.read_pages(contact) | enrollment.pages), booking)

    async def shown(self, person: Person, pages: Mapping[str, str], *, worker: str, now_ms: int) -> Settled | None:
        """Notion shows this revision of a person, on these pages; what waited for Notion need not wait any longer."""
        return await self._finish(person, worker=worker, now_ms=now_ms, pages=pages)

    async def not_shown(self, person: Person, *, worker: str, now_ms: int, again_ms: int, alone: bool) -> None:
        """
        Notion could not be written; the person stays changed and is taken again at `again_ms`.

        `alone`: the trouble is this person's, so nothing else waits for it.
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
