"""Finding people among many: by words, whatever their case and accents, and by what is known of them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

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
    text = folded(" ".join(texts))
    words = text.split()
    of_addresses = [part for word in words if "@" in word for part in word.split("@")]
    return " " + " ".join(dict.fromkeys([*words, *of_addresses, *_WORD.findall(text)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPerson:
    """
    One enrollment as the list of people shows it.

    `next_step`: the mail that comes next, None when none does. `calls_contact`: the id with which their calls are kept.
    `is_booked`: a call is booked, or took place. `sorted_name`: the folded name, then the address.
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
