"""Finding people among many: by words, whatever their case and accents, and by what is known of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from common.domain.ids import Step

_UNDECOMPOSED = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})
_WORD = re.compile(r"\w+")

Sort = Literal["newest", "oldest", "name", "address", "next"]
SORTS: Final[tuple[Sort, ...]] = ("newest", "oldest", "name", "address", "next")


def folded(text: str) -> str:
    """Without case and accents: `Éloïse Strauß` → `eloise strauss`."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_UNDECOMPOSED)


def searched_text(*texts: str) -> str:
    """What a search looks through: every word of these, each behind a space, whole and in its parts."""
    words = [word for text in texts for word in folded(text).split()]
    parts = [part for word in words for part in (*word.split("@"), *_WORD.findall(word))]
    return " " + " ".join(dict.fromkeys([*words, *parts]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPerson:
    """
    One enrollment as the list of people shows it.

    `next_step`: the mail that comes next, None when none does. `calls_contact`: the id with which their calls are kept.
    `is_booked`: a call is booked, or took place. `text`: as `searched_text` makes it. `sorted_name`: the folded name,
    then the address.
    """

    id: str
    campaign: str
    email: str
    first_name: str
    business_name: str
    segment: str
    status: str
    exit_reason: str | None
    language: str | None
    signed_up_ms: int
    next_step: Step | None
    next_due_ms: int | None
    address_hash: str
    calls_contact: str
    is_booked: bool
    text: str
    sorted_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleFilter:
    """
    Who is wanted; "" and None match everybody. `words`: each begins a word of theirs, in any order.

    `step`: the mail that comes next. `is_paused`, `is_suppressed`, `has_dead_letter`: only those. They signed up from
    `from_ms` on and before `until_ms`; their next mail is due from `due_from_ms` on and before `due_until_ms`.
    """

    words: str = ""
    campaign: str = ""
    segment: str = ""
    status: str = ""
    language: str = ""
    step: Step | None = None
    is_booked: bool | None = None
    has_dead_letter: bool = False
    is_paused: bool = False
    is_suppressed: bool = False
    from_ms: int | None = None
    until_ms: int | None = None
    due_from_ms: int | None = None
    due_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """What changes for many at once: ids of who is paused or has a dead letter, and the address hashes suppressed."""

    paused: Collection[str] = ()
    dead: Collection[str] = ()
    suppressed: Collection[str] = ()


def matching(people: Sequence[ListedPerson], wanted: PeopleFilter, marked: Marked) -> Sequence[ListedPerson]:
    """All who match, in their order. One pass for each test: with 100,000 people that is the fastest."""
    for test in _tests(wanted, marked):
        people = [person for person in people if test(person)]
    return people


def ordered(people: Iterable[ListedPerson], sort: Sort) -> list[ListedPerson]:
    return sorted(people, key=_KEYS[sort], reverse=sort == "newest")


def _tests(wanted: PeopleFilter, marked: Marked) -> list[Callable[[ListedPerson], bool]]:
    """Those that this filter needs; the cheapest first."""
    tests: list[Callable[[ListedPerson], bool]] = []
    if wanted.has_dead_letter:
        tests.append(lambda person: person.id in marked.dead or person.calls_contact in marked.dead)
    if wanted.is_paused:
        tests.append(lambda person: person.id in marked.paused)
    if wanted.is_suppressed:
        tests.append(lambda person: person.address_hash in marked.suppressed)
    for name in ("campaign", "segment", "status", "language"):
        if value := getattr(wanted, name):
            tests.append(_equals(name, value))
    if wanted.step is not None:
        tests.append(_equals("next_step", wanted.step))
    if wanted.is_booked is not None:
        tests.append(_equals("is_booked", wanted.is_booked))
    if wanted.from_ms is not None or wanted.until_ms is not None:
        first, last = wanted.from_ms or 0, wanted.until_ms or 1 << 60
        tests.append(lambda person: first <= person.signed_up_ms < last)
    if wanted.due_from_ms is not None or wanted.due_until_ms is not None:
        due_from, due_until = wanted.due_from_ms or 0, wanted.due_until_ms or 1 << 60
        tests.append(lambda person: due_from <= (person.next_due_ms or -1) < due_until)
    for word in folded(wanted.words).split():
        tests.append(_has_word(f" {word}"))
    return tests


def _equals(name: str, value: Any) -> Callable[[ListedPerson], bool]:
    return lambda person: bool(getattr(person, name) == value)


def _has_word(beginning: str) -> Callable[[ListedPerson], bool]:
    return lambda person: beginning in person.text


_KEYS: Final[dict[Sort, Callable[[ListedPerson], Any]]] = {
    "newest": lambda person: person.signed_up_ms,
    "oldest": lambda person: person.signed_up_ms,
    "name": lambda person: person.sorted_name,
    "address": lambda person: person.email,
    "next": lambda person: person.next_due_ms or 1 << 60,
}
