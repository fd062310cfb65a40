"""
Reads only: a list of all people, kept in the memory of the process that shows it.

It is read once, in the background, and then follows the store's list of changes: a query costs the store a few
commands, however many people there are, and the store keeps nothing more of a person for it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from pydantic_core import from_json

from common.domain.people_index import Found, Marked, PeopleCounts, PeopleIndex
from common.domain.person_search import ListedPerson, PeopleFilter, Sort
from common.domain.planned_mails import PlannedMails
from common.ledger import keys
from common.ledger.constants import PEOPLE_CHANGES_MAX
from common.ledger.ledger import Ledger
from common.ledger.reads.listed_person import read_listed
from common.ledger.store import texts
from common.observability.logs import get_logger

PAGE: Final = 250
"""Read by one script, which keeps the store from everything else for some milliseconds."""
READERS: Final = 2
"""While a page is listed, the store reads the next one."""

log = get_logger(__name__)


class PeopleList:
    """Raises as `Store.run` does."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._index = PeopleIndex()
        self._seen: int | None = None
        self._version = 0
        self._found: tuple[Any, Found] | None = None
        self.expected = 0
        """How many there were when everybody began to be read."""

    @property
    def is_complete(self) -> bool:
        """Everybody has been read once."""
        return self._seen is not None

    @property
    def number(self) -> int:
        """Of those that have been read."""
        return len(self._index)

    @property
    def planned(self) -> PlannedMails:
        """The mails that are to come for those that have been read."""
        return self._index.planned

    @property
    def counts(self) -> PeopleCounts:
        """Of those that have been read."""
        return self._index.counts

    async def refresh(self) -> None:
        """Read those who changed; at first, and after too many changes, everybody."""
        last = await self._last()
        if self._seen is None or not self._seen <= last <= self._seen + PEOPLE_CHANGES_MAX:
            await self.read_all()
        elif last > self._seen:
            await self._follow()

    async def refresh_if_read(self) -> None:
        """Read those who changed, unless that means everybody, who are read in the background."""
        if self._seen is not None and self._seen < await self._last() <= self._seen + PEOPLE_CHANGES_MAX:
            await self._follow()

    async def read_all(self) -> None:
        """Replace everything that is known. What changes meanwhile is read by the next `refresh`."""
        seen = await self._last()
        pipe = self._ledger.client.pipeline(transaction=False)
        for name in (keys.UNDER_WAY, keys.ENDED, keys.HELD):
            pipe.zcard(name)
        self.expected = sum(await pipe.execute())
        with _uncollected():
            kept = await self._read_pages()
        for gone in {person.id for person in self._index.all()} - kept:
            self._remove(gone)
        self._seen = seen

    async def _read_pages(self) -> set[str]:
        """Everybody who is there."""
        kept: set[str] = set()
        pages, turn = _pages(self._ids()), asyncio.Lock()

        async def read() -> None:
            while page := await _next(pages, turn):
                kept.update(await self._read(page))

        readers = [asyncio.create_task(read()) for _ in range(READERS)]
        try:
            await asyncio.gather(*readers)
        finally:
            for reader in readers:
                reader.cancel()
        return kept

    async def read_these(self, ids: Sequence[str]) -> None:
        """Before it is their turn: somebody asked for them by name."""
        await self._read([one for one in ids if one not in self._index])

    async def find(self, wanted: PeopleFilter, *, sort: Sort = "newest") -> Found:
        """All who match, in order; as of now, but for those that are still being read."""
        await self.refresh_if_read()
        marked = await self._marked(wanted)
        question = (wanted, sort, self._version, marked)
        if self._found is None or self._found[0] != question:
            self._found = (question, self._index.find(wanted, marked, sort))
        return self._found[1]

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
        return [*self._index.all()]

    def between(self, sort: Literal["oldest", "next"], from_ms: int, until_ms: int) -> Iterator[ListedPerson]:
        """Who signed up, or whose next mail is due, from one time on and before another one; in this order."""
        return self._index.between(sort, from_ms, until_ms)

    def get(self, id: str) -> ListedPerson | None:
        return self._index.get(id)

    def values(self, name: str) -> list[str]:
        """Of one field, all that occur: what a filter offers."""
        return self._index.values(name)

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
        # A change of calls names the contact with whom they are kept.
        ids = [one for member, _ in changes for one in self._index.with_calls_of(member.decode())]
        for first in range(0, len(ids), PAGE):
            await self._read(ids[first : first + PAGE])
        self._seen = max([seen, *(int(number) for _, number in changes)])

    async def _read(self, ids: Sequence[str]) -> list[str]:
        """Those of these who are there."""
        rows = from_json(await self._ledger.store.run("listing.read", [], ids)) if ids else []
        found = {id: row for id, row in zip(ids, rows, strict=True) if row}
        for id, row in found.items():
            self._put(id, row)
        for gone in set(ids) - found.keys():
            self._remove(gone)
        return [*found]

    def _put(self, id: str, row: Sequence[Any]) -> None:
        """Without somebody whose fields cannot be read: they hide nobody else."""
        try:
            person, text = read_listed(id, *row)
        except (LookupError, TypeError, ValueError) as error:
            log.warning("person_unreadable", enrollment_id=id, error=type(error).__name__)
            self._remove(id)
            return
        if person != self._index.get(id):
            self._index.put(person, text)
            self._version += 1

    def _remove(self, id: str) -> None:
        if self._index.get(id) is not None:
            self._index.remove(id)
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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing of what is read is garbage: to look through it again and again takes longer than to read it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


async def _pages(ids: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    page: list[str] = []
    async for one in ids:
        page.append(one)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


async def _next(pages: AsyncIterator[list[str]], turn: asyncio.Lock) -> list[str]:
    """One for each reader; [] after the last."""
    async with turn:
        return await anext(pages, [])
