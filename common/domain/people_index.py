"""
All people of a list, so arranged that a filter, an order or a page of 100,000 does not go through 100,000.

Sets say who has which segment, status and so on; sorted lists keep the orders that were asked for.
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
_LOOKED_AT: Final = 2_000
_FEW: Final = 50
"""A result so many times smaller than all is sorted by itself."""


class Group(NamedTuple):
    """What people have in common. `month`: in which they signed up, `2025-11`."""

    campaign: str
    segment: str
    status: str
    next_step: Step | None
    is_booked: bool
    month: str


PeopleCounts = Counter[Group]
"""How many people there are in each."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What changes for many at once: ids of who is paused or has a dead letter, and the address hashes suppressed."""

    paused: Collection[str] = ()
    dead: Collection[str] = ()
    suppressed: Collection[str] = ()


class Found(Sequence[ListedPerson]):
    """Those who match, in order; as they are when they are looked at, without those who are gone by then."""

    def __init__(
        self, order: Sequence[tuple[Any, str]], matching: set[str] | None, people: Mapping[str, ListedPerson]
    ) -> None:
        """`order`: all; `matching`: who of them, None for everybody."""
        self._order, self._matching, self._people = order, matching, people
        self._number = len(order) if matching is None else len(matching)
        self._ids: list[str] = []
        self._looked_at = 0

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
        """The order is gone through as far as somebody looks."""
        matching = self._matching
        if matching is None:
            return [id for _, id in self._order[first:last]]
        while len(self._ids) < last and self._looked_at < len(self._order):
            some = self._order[self._looked_at : self._looked_at + _LOOKED_AT]
            self._ids += [id for _, id in some if id in matching]
            self._looked_at += _LOOKED_AT
        return self._ids[first:last]


def _counted(person: ListedPerson) -> Group:
    month = _month_of(person.signed_up_ms // _DAY_MS)
    return Group(person.campaign, person.segment, person.status, person.next_step, person.is_booked, month)


@cache
def _month_of(day: int) -> str:
    """`day`: since 1970, UTC."""
    return f"{date.fromordinal(_EPOCH + min(max(day, 0), _LAST_DAY)):%Y-%m}"


class PeopleIndex:
    """Orders, and the mails that are to come, are kept from the first time on that somebody asks for them."""

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
        """The mails that are to come for them."""
        if self._planned is None:
            self._planned = PlannedMails(self._people.values())
        return self._planned

    def all(self) -> Iterable[ListedPerson]:
        return self._people.values()

    def get(self, id: str) -> ListedPerson | None:
        return self._people.get(id)

    def with_calls_of(self, contact: str) -> set[str]:
        """Those whose calls are kept with this id; it is an enrollment of its own, too."""
        return {contact} | self._of_contact.get(contact, set())

    def values(self, name: str) -> list[str]:
        """Of one field, all that occur."""
        return sorted(value for (field, value), ids in self._with.items() if field == name and value and ids)

    def put(self, person: ListedPerson, text: str) -> None:
        """`text`: as `searched_text` makes it."""
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

    def find(self, wanted: PeopleFilter, marked: Marked, sort: Sort) -> Found:
        parts = sorted(self._parts(wanted, marked), key=len)
        found = parts[0].intersection(*parts[1:]) if parts else None
        for word in folded(wanted.words).split():
            beginning = f" {word}"
            if found is None:
                found = {id for id, text in self._texts.items() if beginning in text}
            else:
                found = {id for id in found if beginning in self._texts[id]}
        return self._ordered(found, sort)

    def _forget_changed(self, before: ListedPerson, now: ListedPerson | None) -> None:
        """What was kept of `before` and is not so any more; None: they are gone."""
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

    def _parts(self, wanted: PeopleFilter, marked: Marked) -> Iterator[set[str]]:
        """Of each thing that is asked for, who has it."""
        for name in _EQUAL:
            if value := getattr(wanted, name):
                yield self._with.get((name, value), set())
        for name, value in (("next_step", wanted.step), ("is_booked", wanted.is_booked)):
            if value is not None:
                yield self._with.get((name, value), set())
        if wanted.is_paused:
            yield {id for id in marked.paused if id in self._people}
        if wanted.has_dead_letter:
            yield {id for owner in marked.dead for id in self.with_calls_of(owner) if id in self._people}
        if wanted.is_suppressed:
            yield {id for one in marked.suppressed for id in self._of_hash.get(one, ())}
        if wanted.from_ms is not None or wanted.until_ms is not None:
            yield {one.id for one in self.between("oldest", wanted.from_ms, wanted.until_ms)}
        if wanted.due_from_ms is not None or wanted.due_until_ms is not None:
            yield {one.id for one in self.between("next", wanted.due_from_ms, wanted.due_until_ms)}

    def between(
        self, sort: Literal["oldest", "next"], from_ms: int | None, until_ms: int | None
    ) -> Iterator[ListedPerson]:
        """Who signed up, or whose next mail is due, from one time on and before another one; in this order."""
        order = self._order(sort)
        first = bisect_left(order, (from_ms or 0,))
        last = bisect_left(order, (_NEVER if until_ms is None else until_ms,))
        return (self._people[id] for _, id in order[first:last])

    def _ordered(self, found: set[str] | None, sort: Sort) -> Found:
        """`found`: None for everybody."""
        by, number = "oldest" if sort == "newest" else sort, len(self._people if found is None else found)
        if found is not None and number * _FEW < len(self._people):
            key = _KEYS[by]
            order = sorted((key(self._people[id]), id) for id in found)
        else:
            order = self._order(by)[:]  # It changes while somebody goes through what was found.
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
            order.sort()  # While everybody is read: to make room for one after the other takes seconds.
        return order
