"""
Read-only: a list of all people, held in the memory of the process that shows it.

It is read once, in the background, and then follows the store's list of changes. A query costs the store a few
commands, however many people there are, and the store holds no further data about a person for it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal

from pydantic_core import from_json

from common.domain.people_index import Found, PeopleCounts, PeopleIndex, UnindexedCriteria
from common.domain.person_search import ListedPerson, PeopleFilter, Sort
from common.domain.planned_mails import PlannedMails
from common.ledger import keys
from common.ledger.constants import PEOPLE_CHANGES_MAX
from common.ledger.ledger import Ledger
from common.ledger.reads.listed_person import read_listed
from common.ledger.store import texts
from common.observability.logs import get_logger

PAGE: Final = 250
"""How many people one script reads, during which the store does nothing else for some milliseconds."""
READERS: Final = 2
"""With two, the store reads the next page while this process lists the last one."""

log = get_logger(__name__)


class PeopleList:
    """The people who have been read. Raises as `Store.run` does."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._index = PeopleIndex()
        self._seen: int | None = None
        self._version = 0
        self._found: tuple[Any, Found] | None = None
        self.total_at_start = 0
        """How many people there were when the reading of all of them began."""

    @property
    def is_complete(self) -> bool:
        """Whether all people have been read once."""
        return self._seen is not None

    @property
    def number(self) -> int:
        """How many people have been read."""
        return len(self._index)

    @property
    def planned(self) -> PlannedMails:
        """The mails to come of the people who have been read."""
        return self._index.planned

    @property
    def counts(self) -> PeopleCounts:
        """The counts of the people who have been read."""
        return self._index.counts

    async def refresh(self) -> None:
        """Read the people who changed; at first, and after too many changes, all people."""
        last = await self._last()
        if self._seen is None or not self._seen <= last <= self._seen + PEOPLE_CHANGES_MAX:
            await self.read_all()
        elif last > self._seen:
            await self._follow()

    async def refresh_if_read(self) -> None:
        """Read the people who changed, unless that means all people, who are read in the background."""
        if self._seen is not None and self._seen < await self._last() <= self._seen + PEOPLE_CHANGES_MAX:
            await self._follow()

    async def read_all(self) -> None:
        """Read all people anew. Changes that are made meanwhile are read by the next `refresh`."""
        seen = await self._last()
        pipe = self._ledger.client.pipeline(transaction=False)
        for name in (keys.UNDER_WAY, keys.ENDED, keys.HELD):
            pipe.zcard(name)
        self.total_at_start = sum(await pipe.execute())
        with _uncollected():
            kept = await self._read_pages()
        for gone in {person.id for person in self._index.all()} - kept:
            self._remove(gone)
        self._seen = seen

    async def _read_pages(self) -> set[str]:
        """Read all people. Return the ids of those who exist."""
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
        """Read these people before their turn, because a search named them."""
        await self._read([one for one in ids if one not in self._index])

    async def find(self, wanted: PeopleFilter, *, sort: Sort = "newest") -> Found:
        """Return all people who match, in order, as of now; those who are still being read may be missing."""
        await self.refresh_if_read()
        unindexed = await self._unindexed(wanted)
        question = (wanted, sort, self._version, unindexed)
        if self._found is None or self._found[0] != question:
            self._found = (question, self._index.find(wanted, unindexed, sort))
        return self._found[1]

    async def remove_gone(self, people: Sequence[ListedPerson]) -> bool:
        """Remove the people of whom the store has no data any more. Return whether there was one."""
        pipe = self._ledger.client.pipeline(transaction=False)
        for person in people:
            pipe.exists(keys.enrollment(person.id))
        answers = await pipe.execute() if people else []
        gone = [person.id for person, is_there in zip(people, answers, strict=True) if not is_there]
        for one in gone:
            self._remove(one)
        return bool(gone)

    def all(self) -> list[ListedPerson]:
        """Return all people who have been read."""
        return [*self._index.all()]

    def between(self, sort: Literal["oldest", "next"], from_ms: int, until_ms: int) -> Iterator[ListedPerson]:
        """Yield the people who signed up, or whose next mail is due, from one time on and before another, in order."""
        return self._index.between(sort, from_ms, until_ms)

    def get(self, id: str) -> ListedPerson | None:
        return self._index.get(id)

    def values(self, name: str) -> list[str]:
        """Return all values of one field that occur, which a filter offers."""
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
        # A change of calls names the contact under which they are stored.
        ids = [one for member, _ in changes for one in self._index.with_calls_of(member.decode())]
        for first in range(0, len(ids), PAGE):
            await self._read(ids[first : first + PAGE])
        self._seen = max([seen, *(int(number) for _, number in changes)])

    async def _read(self, ids: Sequence[str]) -> list[str]:
        """Read these people. Return the ids of those who exist."""
        rows = from_json(await self._ledger.store.run("listing.read", [], ids)) if ids else []
        found = {id: row for id, row in zip(ids, rows, strict=True) if row}
        for id, row in found.items():
            self._put(id, row)
        for gone in set(ids) - found.keys():
            self._remove(gone)
        return [*found]

    def _put(self, id: str, row: Sequence[Any]) -> None:
        """Add a person to the list. One whose fields cannot be read is left out, so that all others are shown."""
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

    async def _unindexed(self, wanted: PeopleFilter) -> UnindexedCriteria:
        """Return the sets that this filter needs: each costs one command."""
        client = self._ledger.client
        paused = texts(await client.hkeys(keys.PAUSES)) if wanted.is_paused else ()
        suppressed = texts(await client.hkeys(keys.SUPPRESSED)) if wanted.is_suppressed else ()
        dead: Iterable[str] = ()
        if wanted.has_dead_letter:
            owners = {name.partition("/")[0] for name in texts(await client.zrange(keys.DEAD, 0, -1))}
            dead = await self._contacts_of(owners)
        return UnindexedCriteria(frozenset(paused), frozenset(dead), frozenset(suppressed))

    async def _contacts_of(self, owners: Iterable[str]) -> list[str]:
        """Return the contacts of owners of dead letters: enrollments, and guests of calls."""
        found = [owner for owner in owners if owner.startswith("enr_")]
        guests = [owner for owner in owners if not owner.startswith("enr_")]
        pipe = self._ledger.client.pipeline(transaction=False)
        for guest in guests:
            pipe.hget(keys.guest(guest), "contact")
        return found + [contact for contact in texts(await pipe.execute()) if contact] if guests else found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Suspend the garbage collector: nothing that is read is garbage, and scanning it takes longer than reading it."""
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
    """Return the next page for one reader; [] after the last."""
    async with turn:
        return await anext(pages, [])
