"""
The skeleton of a body: Markdown with placeholders, parsed once for all contacts who get the same branches of it.

Not every body has a skeleton. When Markdown could read a value differently from its placeholder, `read_skeleton`
returns None, and each such mail is parsed separately.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markdown_it.token import Token

from common.campaigns.markdown import Block, TextWriter, address, blocks, is_address, parsed
from common.campaigns.placeholders import (
    EDGE,
    PATTERN,
    Skeleton,
    dashes,
    has_placeholder,
    placeholder,
    skeleton,
    underlined_later,
)

_MISREADABLE = re.compile(
    "|".join(
        (
            rf"\\{PATTERN}",  # an author's backslash before a value that begins with punctuation
            rf"&[#\w]*{PATTERN}",  # an entity, whose name would be the value
            rf"<\S*{PATTERN}",  # an address in angle brackets
            rf"(?m:^)[^\w\n]*\d*(?:{PATTERN})+[.)]",  # a number that would begin a list
            r"\]:",  # a link defined elsewhere, which a value could name
        )
    )
)
_EDGE = address(EDGE)


@dataclass(frozen=True, slots=True)
class _Link:
    """A link whose address is the value `index`. `label`: its text."""

    index: int
    label: str


@dataclass(frozen=True, slots=True)
class BodySkeleton:
    blocks: Sequence[Block]
    text: Skeleton
    links: tuple[_Link, ...]

    def addresses(self, values: Sequence[str]) -> list[str] | None:
        """
        Return the links' addresses, which are appended to the values. Return None if a value is not a valid address or
        equals the link's text: then the text part differs.
        """
        found = [address(values[link.index]) for link in self.links]
        usable = all(
            is_address(values[link.index]) and href != link.label for link, href in zip(self.links, found, strict=True)
        )
        return found if usable else None


@lru_cache(maxsize=256)
def read_skeleton(markdown: str, scoreboard: str, link: str, size: int, following: int) -> BodySkeleton | None:
    """
    Parse a body with placeholders; return None if it has no skeleton.

    `markdown`: contains the placeholders of the first `size` values. `scoreboard`: its lines contain the next
    placeholders. `link`: the pattern of a link in the text part. `following`: the index of the first link's address.
    """
    if _MISREADABLE.search(markdown):
        return None
    tokens = parsed(markdown)
    links = tuple(_links(tokens, size, following))
    plain = skeleton(TextWriter({"scoreboard": scoreboard}, link, _underlined).text(tokens))
    if plain is None or not plain.is_verbatim or any(has_placeholder(link.label) for link in links):
        return None
    shown = {*plain.indexes} | {link.index for link in links}
    return BodySkeleton(blocks(tokens), plain, links) if shown >= set(range(size)) else None


def _links(tokens: Iterable[Token], size: int, following: int) -> Iterable[_Link]:
    """Replace the address of each link that is exactly one value by a new placeholder; yield these links."""
    known = {address(placeholder(index)): index for index in range(size)}
    for token in tokens:
        children = token.children or []
        for position, child in enumerate(children):
            index = known.get(str(child.attrs.get("href", "")).removeprefix(_EDGE).removesuffix(_EDGE))
            if child.type == "link_open" and index is not None:
                child.attrs["href"] = placeholder(following)
                yield _Link(index, _label(children[position + 1 :]))
                following += 1


def _label(following: Sequence[Token]) -> str:
    end = next(position for position, token in enumerate(following) if token.type == "link_close")
    return "".join(token.content for token in following[:end])


def _underlined(title: str) -> str:
    return underlined_later(title) if has_placeholder(title) else dashes(title)
