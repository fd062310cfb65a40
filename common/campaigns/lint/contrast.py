"""Checks whether text is readable on its background, by WCAG 2.2 (1.4.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

RATIO_MIN, LARGE_RATIO_MIN = 4.5, 3.0
_LARGE_PX, _LARGE_BOLD_PX = 24.0, 18.66
_COLOUR = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b")
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)px")
_VOID = frozenset({"br", "img", "meta", "link", "hr", "input", "col"})


def contrast(one: str, other: str) -> float:
    """Return the contrast, 1 to 21, of two colours such as `#14532d`."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def unreadable(html: str) -> Iterator[tuple[str, float]]:
    """Yield each text whose inlined colours are too similar, and their contrast."""
    reader = _Reader()
    reader.feed(html)
    yield from reader.found.items()


class _Reader(HTMLParser):
    """Tracks the colours that elements inherit from `style` attributes; the default is black on white."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, float] = {}
        self._stack: list[tuple[str, dict[str, str]]] = [("", {"color": "#000000", "background-color": "#ffffff"})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        given = dict(attrs)
        style = dict(self._stack[-1][1])
        if background := _COLOUR.fullmatch(given.get("bgcolor") or ""):
            style["background-color"] = background[0]
        style |= _declared(given.get("style") or "")
        self._stack.append((tag, style))

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._stack) - 1, 0, -1):
            if self._stack[place][0] == tag:
                del self._stack[place:]
                return

    def handle_data(self, data: str) -> None:
        tag, style = self._stack[-1]
        text = " ".join(data.split())
        if not text or tag in ("style", "title", "script") or style.get("display") == "none":
            return
        ratio = contrast(style["color"], style["background-color"])
        if ratio < (LARGE_RATIO_MIN if _is_large(style) else RATIO_MIN):
            self.found.setdefault(text[:60], round(ratio, 1))


def _is_large(style: dict[str, str]) -> bool:
    size = float(found[1]) if (found := _PIXELS.fullmatch(style.get("font-size", ""))) else 16.0
    return size >= (_LARGE_BOLD_PX if style.get("font-weight") in ("bold", "600", "700", "800") else _LARGE_PX)


def _declared(style: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for declaration in style.split(";"):
        name, _, value = (part.strip().casefold() for part in declaration.partition(":"))
        if name == "background":
            name = "background-color"
        if name in ("color", "background-color"):
            if colour := _COLOUR.search(value):
                found[name] = colour[0]
        elif name in ("font-size", "font-weight", "display"):
            found[name] = value
    return found
