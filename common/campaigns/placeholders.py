"""
Placeholders represent a contact's values while a mail is parsed and laid out, so that the result can be reused.

The output of Markdown and MJML depends on few things: which branches of the body apply, and which colours the
scoreboard shows. Only the values differ for every contact. A template therefore runs with the real values and prints a
numbered placeholder for each. The output with placeholders (the skeleton) is cached, and the values are filled in last.

A placeholder contains each character that a format may escape. Their escaped form in the output shows how the format
escapes a value at this place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import nodes
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar

from common.campaigns.wording import literal

# Ugaritic letters: no format changes a letter, and no author uses these.
_OPEN, _SEPARATOR, _CLOSE = "\U00010380", "\U00010381", "\U00010382"
EDGE = "\U0001039f"
"""Marks the edge of a value that begins or ends with punctuation: Markdown's emphasis next to it depends on that."""

_ESCAPABLE = "&<>\"'\\\u00a0"
_UNCHANGED = re.compile(
    r"[ -~\u00a1-\u00ac\u00ae-\u024f\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u2010-\u2027\u20a0-\u20bf\u4e00-\u9fef]*"
)
"""Characters that MJML only escapes in `aria-label`; it writes others as in a string literal of a program."""

# Private-use characters: `wording.clean` removes them from every value.
_UNDERLINE, _UNDERLINE_END = "\ue004", "\ue005"

PATTERN = f"{EDGE}?{_OPEN}[^{_CLOSE}]*{_CLOSE}{EDGE}?"
_PLACEHOLDER = re.compile(f"{EDGE}?{_OPEN}(?P<index>\\d+){_SEPARATOR}(?P<escaped>[^{_CLOSE}]*){_CLOSE}{EDGE}?")
_UNDERLINED = re.compile(f"{_UNDERLINE}(.*?){_UNDERLINE_END}")
_IDLE_EDGE = re.compile(f"(?<![*_]){EDGE}(?={_OPEN})|(?<={_CLOSE}){EDGE}(?![*_])")

_CAPTURES = (nodes.AssignBlock, nodes.Block, nodes.CallBlock, nodes.FilterBlock, nodes.Macro)
_BACKSLASH = ord("\\")


class PlacedText(str):
    """A text that a layout prints as a placeholder; in every other use it has its real value."""

    placeholder: str


class PlacedNumber(int):
    """A number that a layout prints as a placeholder; in every other use it has its real value."""

    placeholder: str


class Placeholders:
    """The values of one mail in the order in which they were printed."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def in_markdown(self, value: str) -> str:
        """Return a new placeholder for `value`, as Markdown source."""
        return _edge(value[0]) + literal(self._next(value)) + _edge(value[-1])

    @staticmethod
    def without_idle_edges(markdown: str) -> str:
        """Remove edges that are not next to emphasis: fewer differences between contacts need fewer skeletons."""
        return _IDLE_EDGE.sub("", markdown)

    def text(self, value: str) -> PlacedText:
        placed = PlacedText(value)
        placed.placeholder = self._next(value)
        return placed

    def number(self, value: int) -> PlacedNumber:
        placed = PlacedNumber(value)
        placed.placeholder = self._next(str(value))
        return placed

    def _next(self, value: str) -> str:
        self.values.append(value)
        return placeholder(len(self.values) - 1)


def placeholder(index: int) -> str:
    return f"{_OPEN}{index}{_SEPARATOR}{_SEPARATOR.join(_ESCAPABLE)}{_CLOSE}"


def printed(value: object) -> object:
    """Return what a layout prints for `value`: the placeholder, if it has one."""
    return value.placeholder if isinstance(value, PlacedText | PlacedNumber) else value


def captures_output(template: nodes.Template) -> bool:
    """Whether a template can read its own output, and so could treat a placeholder as a value."""
    return next(template.find_all(_CAPTURES), None) is not None


def has_placeholder(text: str) -> bool:
    return _OPEN in text


def underlined_later(title: str) -> str:
    """Return a mark that `Skeleton.filled` replaces by dashes, when the values in the title are known."""
    return f"{_UNDERLINE}{title}{_UNDERLINE_END}"


def dashes(title: str) -> str:
    return "-" * min(len(title), 40)


@dataclass(frozen=True, slots=True)
class _Hole:
    """The place of value `index`. `escapes`: how the format escapes characters there."""

    index: int
    escapes: dict[int, str]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A text with holes for values: `texts` has one entry more than `holes`."""

    texts: tuple[str, ...]
    holes: tuple[_Hole, ...]

    def filled(self, values: Sequence[str]) -> str:
        parts = [self.texts[0]]
        for hole, text in zip(self.holes, self.texts[1:], strict=True):
            value = values[hole.index]
            parts += (value.translate(hole.escapes) if hole.escapes else value, text)
        return _UNDERLINED.sub(lambda found: dashes(found[1]), "".join(parts))

    def takes(self, values: Sequence[str]) -> bool:
        """Whether all values can be filled in. False if one has characters that its place would change."""
        return all(_UNCHANGED.fullmatch(values[hole.index]) for hole in self.holes if _BACKSLASH in hole.escapes)

    @property
    def is_verbatim(self) -> bool:
        """Whether no value needs escaping. In a code span the backslashes of literal Markdown would be visible."""
        return not any(hole.escapes for hole in self.holes)

    @property
    def indexes(self) -> list[int]:
        """The indexes of the values in the order in which they are shown, with repetitions."""
        return [hole.index for hole in self.holes]


def skeleton(text: str) -> Skeleton | None:
    """Return the skeleton of a text with placeholders; None if the format damaged a placeholder."""
    found = list(_PLACEHOLDER.finditer(text))
    texts = _PLACEHOLDER.sub(_CLOSE, text).split(_CLOSE)
    holes = [_hole(match) for match in found]
    whole = [hole for hole in holes if hole is not None]
    if len(whole) != len(found) or len(texts) != len(found) + 1 or any(map(has_placeholder, texts)):
        return None
    return Skeleton(tuple(texts), tuple(whole))


def _hole(match: re.Match[str]) -> _Hole | None:
    escaped = match["escaped"].split(_SEPARATOR)
    if len(escaped) != len(_ESCAPABLE):
        return None
    pairs = zip(_ESCAPABLE, escaped, strict=True)
    return _Hole(int(match["index"]), {ord(plain): written for plain, written in pairs if plain != written})


def _edge(character: str) -> str:
    return EDGE if isMdAsciiPunct(ord(character)) or isPunctChar(character) else ""
