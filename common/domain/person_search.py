"""The search for contacts: by words, ignoring case and accents, and by other criteria."""

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
    """Remove case and accents: `Éloïse Strauß` → `eloise strauss`."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_UNDECOMPOSED)


def searched_text(*texts: str) -> str:
    """Return the text that is searched: every word of `texts`, whole and in its parts, each after a space."""
    text = folded(" ".join(texts))
    words = text.split()
    of_addresses = [part for word in words if "@" in word for part in word.split("@")]
    return " " + " ".join(dict.fromkeys([*words, *of_addresses, *_WORD.findall(text)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPerson:
    """
    One enrollment in the list of contacts.

    `next_step`: the next mail, None when there is none. `calls_contact`: the id under which the contact's calls are
    stored. `is_booked`: a call is booked or took place. `sorted_name`: the folded name, then the address.
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
    Criteria for contacts; "" and None match all. `words`: each must begin one of the contact's words, in any order.

    `step`: the next mail. `is_paused`, `is_suppressed`, `has_dead_letter`: True finds only these contacts. `from_ms`,
    `until_ms`: when they signed up, the second excluded. `due_from_ms`, `due_until_ms`: when their next mail is due,
    the second excluded.
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
