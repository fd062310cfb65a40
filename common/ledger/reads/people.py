"""
Reads only: a list of all people, kept in the memory of the process that shows it.

It is read once, in the background, and then follows the store's list of changes: a query costs the store a few
commands, however many people there are, and the store keeps nothing more of a person for it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, Final

from common.domain.ids import EnrollmentId, step_of
from common.domain.person_search import (
    ListedPerson,
    Marked,
    PeopleFilter,
    Sort,
    folded,
    matching,
    ordered,
    searched_text,
)
from common.domain.series import BookingState
from common.ledger import keys
from common.ledger.booking_codec import read_calls
from common.ledger.codec import read_record
from common.ledger.constants import PEOPLE_CHANGES_MAX
from common.ledger.ledger import Ledger
from common.ledger.store import texts

PAGE: Final = 500
_BOOKED = (BookingState.BOOKED, BookingState.COMPLETED, BookingState.UNMARKED)


class PeopleList:
    """Raises as `Store.run` does."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._people: dict[str, ListedPerson] = {}
        self._of_contact: dict[str, set[str]] = {}
        self._seen: int | None = None
        self._version = self._order_version = 0
        self._found: tuple[Any, Sequence[ListedPerson]] | None = None
        self._orders: dict[Sort, tuple[int, list[str]]] = {}

    @property
    def is_complete(self) -> bool:
        """Everybody has been read once."""
        return self._seen is not None

    @property
    def number(self) -> int:
        """Of those that have been read."""
        return len(self._people)

    async def refresh(self) -> None:
        """Read those who changed; at first, and after too many changes, everybody."""
        last = await self._last()
        if self._seen is None or not self._seen <= last <= self._seen + PEOPLE_CHANGES_MAX:
            await self.read_all()
        elif last > self._seen:
            await self._follow()

    async def read_all(self) -> None:
        """Replace everything that is known. What changes meanwhile is read by the next `refresh`."""
        seen = await self._last()
        kept: set[str] = set()
        async for page in _pages(self._ids()):
            kept.update(await self._read(page))
        for gone in self._people.keys() - kept:
            self._remove(gone)
        self._seen = seen

    async def find(self, wanted: PeopleFilter, *, sort: Sort = "newest") -> Sequence[ListedPerson]:
        """All who match, in order; as of now, but for those that are still being read."""
        if self._seen is not None and self._seen < await self._last() <= self._seen + PEOPLE_CHANGES_MAX:
            await self._follow()
        marked = await self._marked(wanted)
        question = (wanted, sort, self._version, _frozen(marked))
        if self._found is None or self._found[0] != question:
            self._found = (question, matching(self._in_order(sort), wanted, marked))
        return self._found[1]

    def _in_order(self, sort: Sort) -> list[ListedPerson]:
        """Names, addresses and signups seldom change, so that their orders are kept while mails go out."""
        version = self._version if sort == "next" else self._order_version
        if sort not in self._orders or self._orders[sort][0] != version:
            self._orders[sort] = (version, [person.id for person in ordered(self._people.values(), sort)])
        return [self._people[id] for id in self._orders[sort][1]]

    async def remove_gone(self, people: Sequence[ListedPerson]) -> bool:
        """Forget those of whom the store keeps nothing any more; whether there was one."""
        pipe = self._ledger.client.pipeline(transaction=False)
        for person in people:
            pipe.exists(keys.enrollment(person.id))
        answers = await pipe.execute() if people else []
        gone = [person.id for person, is_there in zip(people, answers, strict=True) if not is_there]
        for one in gone:
            self._remove(one)
        return bool(gone)

    def all(self) -> list[ListedPerson]:
        """Everybody that has been read."""
        return [*self._people.values()]

    def has(self, id: str) -> bool:
        return id in self._people

    def values(self, name: str) -> list[str]:
        """Of one field, all that occur: what a filter offers."""
        return sorted({value for person in self._people.values() if (value := getattr(person, name))})

    async def _last(self) -> int:
        return int(await self._ledger.client.get(keys.PEOPLE_CHANGES_LAST) or 0)

    async def _ids(self) -> AsyncIterator[str]:
        async for one in self._ledger.enrollments.ids():
            yield one
        for member in texts(await self._ledger.client.zrange(keys.HELD, 0, -1)):
            yield member

    async def _follow(self) -> None:
        client, seen = self._ledger.client, self._seen or 0
        changes: Any = await client.zrange(keys.PEOPLE_CHANGES, f"({seen}", "+inf", byscore=True, withscores=True)
        ids = [one for member, _ in changes for one in self._concerned(member.decode())]
        for first in range(0, len(ids), PAGE):
            await self._read(ids[first : first + PAGE])
        self._seen = max([seen, *(int(number) for _, number in changes)])

    def _concerned(self, contact: str) -> Iterator[str]:
        """A change of calls names the contact with whom they are kept."""
        yield contact
        yield from self._of_contact.get(contact, set()) - {contact}

    async def _read(self, ids: Sequence[str]) -> list[str]:
        """Those of these who are there."""
        pipe = self._ledger.client.pipeline(transaction=False)
        for one in ids:
            pipe.hgetall(keys.enrollment(one))
            pipe.hgetall(keys.contact(one))
        answers: list[Any] = texts(await pipe.execute()) if ids else []
        known: dict[str, Any] = {
            one: (fields, calls)
            for one, fields, calls in zip(ids, answers[::2], answers[1::2], strict=True)
            if "anchor_ms" in fields
        }
        known |= await self._with_calls_elsewhere(known)
        for one, (fields, calls) in known.items():
            self._put(_listed(one, fields, calls))
        for gone in set(ids) - known.keys():
            self._remove(gone)
        return [*known]

    async def _with_calls_elsewhere(self, known: dict[str, Any]) -> dict[str, Any]:
        """Of those whose calls are kept with their enrollment in another campaign."""
        found = {one: (fields, fields["contact"]) for one, (fields, _) in known.items() if "contact" in fields}
        pipe = self._ledger.client.pipeline(transaction=False)
        for _, contact in found.values():
            pipe.hgetall(keys.contact(contact))
        calls: list[Any] = texts(await pipe.execute()) if found else []
        return {one: (fields, each) for (one, (fields, _)), each in zip(found.items(), calls, strict=True)}

    def _put(self, person: ListedPerson) -> None:
        before = self._people.get(person.id)
        if before is None or (before.signed_up_ms, before.sorted_name) != (person.signed_up_ms, person.sorted_name):
            self._order_version += 1
        self._people[person.id] = person
        self._of_contact.setdefault(person.calls_contact, set()).add(person.id)
        self._version += 1

    def _remove(self, id: str) -> None:
        person = self._people.pop(id, None)
        if person is not None:
            self._order_version += 1
            self._of_contact.get(person.calls_contact, set()).discard(id)
            self._version += 1

    async def _marked(self, wanted: PeopleFilter) -> Marked:
        """Only what this filter asks for: each is one command."""
        client = self._ledger.client
        paused = texts(await client.hkeys(keys.PAUSES)) if wanted.is_paused else ()
        suppressed = texts(await client.hkeys(keys.SUPPRESSED)) if wanted.is_suppressed else ()
        dead: Iterable[str] = ()
        if wanted.has_dead_letter:
            owners = {name.partition("/")[0] for name in texts(await client.zrange(keys.DEAD, 0, -1))}
            dead = await self._contacts_of(owners)
        return Marked(frozenset(paused), frozenset(dead), frozenset(suppressed))

    async def _contacts_of(self, owners: Iterable[str]) -> list[str]:
        """A dead letter is of an enrollment, or of the guest of a call."""
        found = [owner for owner in owners if owner.startswith("enr_")]
        guests = [owner for owner in owners if not owner.startswith("enr_")]
        pipe = self._ledger.client.pipeline(transaction=False)
        for guest in guests:
            pipe.hget(keys.guest(guest), "contact")
        return found + [contact for contact in texts(await pipe.execute()) if contact] if guests else found


def _frozen(marked: Marked) -> tuple[Any, ...]:
    return marked.paused, marked.dead, marked.suppressed


async def _pages(ids: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    page: list[str] = []
    async for one in ids:
        page.append(one)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _listed(id: str, fields: dict[str, str], calls: dict[str, str]) -> ListedPerson:
    first_name, business_name = [*json.loads(fields["assessment"]), None, None][:2]
    first_name, business_name = fields.get("first_name", first_name) or "", business_name or ""
    following = fields.get("next")
    step = step_of(following) if following else None
    return ListedPerson(
        id=EnrollmentId(id),
        campaign=fields["campaign"],
        email=fields["email"],
        first_name=first_name,
        business_name=business_name,
        segment=fields["segment"],
        status=fields["status"],
        exit_reason=fields.get("exit_reason"),
        language=fields.get("language"),
        signed_up_ms=int(fields["anchor_ms"]),
        next_step=step,
        next_due_ms=read_record(fields[f"/{following}"]).at_ms if following and f"/{following}" in fields else None,
        address_hash=fields.get("address_hash", ""),
        calls_contact=fields.get("contact", id),
        is_booked=any(call.state in _BOOKED for call in read_calls(calls).values()),
        text=searched_text(first_name, business_name, fields["email"], id),
        sorted_name=f"{folded(first_name)} {fields['email']}",
    )
