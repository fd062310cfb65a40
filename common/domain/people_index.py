"""
An index of all contacts in memory: a filter, a sort order or a page of 100,000 contacts needs no pass over all of them.

Sets hold the ids of the contacts with each segment, status and so on; sorted lists hold the orders used so far.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final, Literal, NamedTuple, overload

from common.domain.ids import Step
from common.domain.person_search import ListedPerson, PeopleFilter, Sort, folded
from common.domain.planned_mails import PlannedMails

_NEVER = 1 << 60
_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date.max.toordinal() - _EPOCH
_EQUAL: Final = ("campaign", "segment", "status", "language")
_FIELDS: Final = (*_EQUAL, "next_step", "is_booked")
_KEYS: Final[dict[str, Any]] = {
    "oldest": lambda person: person.signed_up_ms,
    "name": lambda person: person.sorted_name,
    "address": lambda person: person.email,
    "next": lambda person: person.next_due_ms or _NEVER,
}
_BATCH: Final = 2_000
"""How many entries of an order are searched at once for the next matches."""
_FEW: Final = 50
"""
A result this many times smaller than the whole is sorted on its own. Fewer additions than this are inserted into an
order one by one.
"""


class Group(NamedTuple):
    """The values by which contacts are counted. `month`: the month of the signup, `2025-11`."""

    campaign: str
    segment: str
    status: str
    next_step: Step | None
    is_booked: bool
    month: str


PeopleCounts = Counter[Group]
"""The number of contacts in each group."""


@dataclass(frozen=True, slots=True)
class UnindexedCriteria:
    """
    Criteria that can change for many contacts at once, so the index does not hold them.

    `paused`: ids of paused contacts. `dead`: owners of dead letters. `suppressed`: suppressed address hashes.
    """

    paused: Collection[str] = ()
    dead: Collection[str] = ()
    suppressed: Collection[str] = ()


class Found(Sequence[ListedPerson]):
    """The matching contacts, in order, as they are when they are read. A slice leaves out those removed meanwhile."""

    def __init__(
        self, order: Sequence[tuple[Any, str]], matching: set[str] | None, people: Mapping[str, ListedPerson]
    ) -> None:
        """`order`: sort keys and ids of all contacts. `matching`: the ids of those that match, None for all."""
        self._order, self._matching, self._people = order, matching, people
        self._number = len(order) if matching is None else len(matching)
        self._ids: list[str] = []
        self._searched = 0

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, place: int) -> ListedPerson: ...
    @overload
    def __getitem__(self, place: slice) -> list[ListedPerson]: ...
    def __getitem__(self, place: int | slice) -> ListedPerson | list[ListedPerson]:
        if isinstance(place, slice):
            first, last, _ = place.indices(self._number)
            return [self._people[id] for id in self._between(first, last) if id in self._people]
        index = range(self._number)[place]
        [id] = self._between(index, index + 1)
        return self._people[id]

    def __iter__(self) -> Iterator[ListedPerson]:
        return iter(self[:])

    def _between(self, first: int, last: int) -> Sequence[str]:
        """Return the ids of these places. The order is searched only as far as needed."""
        matching = self._matching
        if matching is None:
            return [id for _, id in self._order[first:last]]
        while len(self._ids) < last and self._searched < len(self._order):
            some = self._order[self._searched : self._searched + _BATCH]
            self._ids += [id for _, id in some if id in matching]
            self._searched += _BATCH
        return self._ids[first:last]


def _counted(person: ListedPerson) -> Group:
    month = _month_of(person.signed_up_ms // _DAY_MS)
    return Group(person.campaign, person.segment, person.status, person.next_step, person.is_booked, month)


@cache
def _month_of(day: int) -> str:
    """`day`: days since 1970, UTC."""
    return f"{date.fromordinal(_EPOCH + min(max(day, 0), _LAST_DAY)):%Y-%m}"


class PeopleIndex:
    """The index. Each sort order, and the planned mails, are built at their first use and then kept up to date."""

    def __init__(self) -> None:
        self.counts = PeopleCounts()
        self._planned: PlannedMails | None = None
        self._people: dict[str, ListedPerson] = {}
        self._texts: dict[str, str] = {}
        self._with: dict[tuple[str, Any], set[str]] = {}
        self._of_contact: dict[str, set[str]] = {}
        self._of_hash: dict[str, tuple[str, ...]] = {}
        self._orders: dict[str, list[tuple[Any, str]]] = {}
        self._added: dict[str, list[tuple[Any, str]]] = {}

    def __len__(self) -> int:
        return len(self._people)

    def __contains__(self, id: str) -> bool:
        return id in self._people

    @property
    def planned(self) -> PlannedMails:
        """The planned mails of all contacts."""
        if self._planned is None:
            self._planned = PlannedMails(self._people.values())
        return self._planned

    def all(self) -> Iterable[ListedPerson]:
        return self._people.values()

    def get(self, id: str) -> ListedPerson | None:
        return self._people.get(id)

    def with_calls_of(self, contact: str) -> set[str]:
        """Return the enrollments whose calls are stored under this id, which can be an enrollment itself."""
        return {contact} | self._of_contact.get(contact, set())

    def values(self, name: str) -> list[str]:
        """Return all values of a field that occur, sorted."""
        return sorted(value for (field, value), ids in self._with.items() if field == name and value and ids)

    def put(self, person: ListedPerson, text: str) -> None:
        """Add or replace a contact. `text`: the result of `searched_text`."""
        before, id = self._people.get(person.id), person.id
        if before is not None:
            self._forget_changed(before, person)
        self._people[id], self._texts[id] = person, text
        self.counts[_counted(person)] += 1
        for name in _FIELDS:
            self._with.setdefault((name, getattr(person, name)), set()).add(id)
        if person.calls_contact != id:
            self._of_contact.setdefault(person.calls_contact, set()).add(id)
        if person.address_hash and id not in (sharing := self._of_hash.get(person.address_hash, ())):
            self._of_hash[person.address_hash] = (*sharing, id)
        for sort in self._orders:
            key = _KEYS[sort]
            if before is None or key(before) != key(person):
                self._added.setdefault(sort, []).append((key(person), id))
        if self._planned is not None:
            self._planned.add(person)

    def remove(self, id: str) -> None:
        person = self._people.get(id)
        if person is None:
            return
        self._forget_changed(person, None)
        del self._people[id], self._texts[id]

    def find(self, wanted: PeopleFilter, unindexed: UnindexedCriteria, sort: Sort) -> Found:
        parts = sorted(self._parts(wanted, unindexed), key=len)
        found = parts[0].intersection(*parts[1:]) if parts else None
        for word in folded(wanted.words).split():
            beginning = f" {word}"
            if found is None:
                found = {id for id, text in self._texts.items() if beginning in text}
            else:
                found = {id for id in found if beginning in self._texts[id]}
        return self._ordered(found, sort)

    def _forget_changed(self, before: ListedPerson, now: ListedPerson | None) -> None:
        """Remove the entries of `before` that do not apply to `now`. `now`: None when the contact is removed."""
        id, group = before.id, _counted(before)
        self.counts[group] -= 1
        if not self.counts[group]:
            del self.counts[group]
        for name in _FIELDS:
            if now is None or getattr(before, name) != getattr(now, name):
                self._with[name, getattr(before, name)].discard(id)
        if now is None or before.calls_contact != now.calls_contact:
            self._of_contact.get(before.calls_contact, set()).discard(id)
        if now is None or before.address_hash != now.address_hash:
            left = tuple(one for one in self._of_hash.pop(before.address_hash, ()) if one != id)
            self._of_hash |= {before.address_hash: left} if left else {}
        for sort in self._orders:
            key = _KEYS[sort]
            if now is None or key(before) != key(now):
                order = self._order(sort)
                del order[bisect_left(order, (key(before), id))]
        if self._planned is not None:
            self._planned.remove(before)

    def _parts(self, wanted: PeopleFilter, unindexed: UnindexedCriteria) -> Iterator[set[str]]:
        """Yield, for each criterion of the filter except the words, the ids of the contacts that meet it."""
        for name in _EQUAL:
            if value := getattr(wanted, name):
                yield self._with.get((name, value), set())
        for name, value in (("next_step", wanted.step), ("is_booked", wanted.is_booked)):
            if value is not None:
                yield self._with.get((name, value), set())
        if wanted.is_paused:
            yield {id for id in unindexed.paused if id in self._people}
        if wanted.has_dead_letter:
            yield {id for owner in unindexed.dead for id in self.with_calls_of(owner) if id in self._people}
        if wanted.is_suppressed:
            yield {id for one in unindexed.suppressed for id in self._of_hash.get(one, ())}
        if wanted.from_ms is not None or wanted.until_ms is not None:
            yield {one.id for one in self.between("oldest", wanted.from_ms, wanted.until_ms)}
        if wanted.due_from_ms is not None or wanted.due_until_ms is not None:
            yield {one.id for one in self.between("next", wanted.due_from_ms, wanted.due_until_ms)}

    def between(
        self, sort: Literal["oldest", "next"], from_ms: int | None, until_ms: int | None
    ) -> Iterator[ListedPerson]:
        """
        Yield the contacts who signed up (`oldest`), or whose next mail is due (`next`), from `from_ms` until before
        `until_ms`, sorted by that time.
        """
        order = self._order(sort)
        first = bisect_left(order, (from_ms or 0,))
        last = bisect_left(order, (_NEVER if until_ms is None else until_ms,))
        return (self._people[id] for _, id in order[first:last])

    def _ordered(self, found: set[str] | None, sort: Sort) -> Found:
        """Return the contacts in `found` in this order. `found`: None for all contacts."""
        by, number = "oldest" if sort == "newest" else sort, len(self._people if found is None else found)
        if found is not None and number * _FEW < len(self._people):
            key = _KEYS[by]
            order = sorted((key(self._people[id]), id) for id in found)
        else:
            order = self._order(by)[:]  # A copy: the order changes while a caller reads the result.
        if sort == "newest":
            order.reverse()
        return Found(order, found, self._people)

    def _order(self, sort: str) -> list[tuple[Any, str]]:
        if sort not in self._orders:
            key = _KEYS[sort]
            self._orders[sort] = sorted((key(person), person.id) for person in self._people.values())
        order, added = self._orders[sort], self._added.pop(sort, ())
        if len(added) < _FEW:
            for one in added:
                insort(order, one)
        else:
            order += added
            order.sort()  # Many at once, as in the first reading: inserting them one by one takes seconds.
        return order
