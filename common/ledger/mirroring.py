"""The mirror's part of the ledger: who looks different from what Notion shows, and what it shows since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from common.domain.contact_booking_status import Person, UnenrolledContact, standing_of
from common.domain.ids import EnrollmentId
from common.ledger import codec, keys
from common.ledger.access import Access
from common.ledger.answers import Changed, Settled, read_settled
from common.ledger.booking_codec import read_caller, read_calls
from common.ledger.terms import MIRROR


class Mirroring(Access):
    """Part of `Ledger`; raises as it does."""

    async def take_changed(self, *, worker: str, now_ms: int) -> Changed | None:
        """The person who changed last and whom Notion does not show yet; theirs alone until `shown` or `not_shown`."""
        answer = await self.run_script("take_changed", [keys.CHANGED, keys.SYNCING], [worker, now_ms])
        if not answer:
            return None
        who, *flat = answer
        enrolled, contact = (dict(zip(fields[::2], fields[1::2], strict=True)) for fields in flat)
        booking = standing_of(list(read_calls(contact).values()), now_ms=now_ms)
        if not enrolled:
            return Changed(read_caller(who, contact), booking)
        enrollment = codec.read_enrollment(who, enrolled)
        # Whoever booked before they signed up has a page already.
        return Changed(replace(enrollment, pages=codec.read_pages(contact) | enrollment.pages), booking)

    async def shown(self, person: Person, pages: Mapping[str, str], *, worker: str, now_ms: int) -> Settled | None:
        """Notion shows this revision of a person, on these pages; whoever waited for Notion need not any longer."""
        return await self._shown(person, pages, worker=worker, now_ms=now_ms, again_ms=0, alone=False)

    async def not_shown(self, person: Person, *, worker: str, now_ms: int, again_ms: int, alone: bool) -> None:
        """
        Notion could not be written; the person stays changed and is taken again at `again_ms`.

        `alone`: the trouble is this person's, so nobody else waits for it.
        """
        await self._shown(person, {}, worker=worker, now_ms=now_ms, again_ms=again_ms, alone=alone)

    async def _shown(
        self,
        person: Person,
        pages: Mapping[str, str],
        *,
        worker: str,
        now_ms: int,
        again_ms: int,
        alone: bool,
    ) -> Settled | None:
        fields = codec.page_fields(pages)
        shown = await self.run_script(
            "shown",
            [
                keys.contact(person.id) if isinstance(person, UnenrolledContact) else keys.enrollment(person.id),
                keys.CHANGED,
                keys.SYNCING,
                keys.circuit(MIRROR),
            ],
            [person.id, worker, now_ms, again_ms, int(alone), person.revision, *chain.from_iterable(fields.items())],
        )
        return read_settled(int(shown))

    async def ask_mirror(self, *, due_ms: int, now_ms: int, again: EnrollmentId | None = None) -> None:
        """Have the mirror's pump come at `due_ms`; and one person be among the changed again."""
        await self._scripts.run("ask_mirror", [keys.CHANGED], [due_ms, now_ms, again or ""])
