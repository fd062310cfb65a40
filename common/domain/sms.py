"""An SMS as it is frozen and sent to the provider, an SMS as the provider lists it, and its size in segments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

Encoding = Literal["GSM-7", "UCS-2"]

E164: Final = re.compile(r"\+[1-9]\d{6,14}")
"""The form of phone numbers that providers accept."""

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = frozenset("^{}\\[~]|€\f")
"""Each of these takes two units (3GPP TS 23.038, section 6.2.1.1)."""

_UNITS: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}
"""Capacity in units: of a text in a single segment, and of each segment of a longer text, which needs a header."""

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2019\u2018\u201b\u00b4`\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u00a0\u202f\u2009\u2007\u2002\u2003", " "),
        **dict.fromkeys("\u200b\u200e\u200f\u2060\u2066\u2068\u2069\ufeff"),
        "…": "...",
        "•": "-",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """
    One SMS. `to`: E.164. `valid_until_ms`: it is not sent after this time, and the provider drops it if it is stuck.

    `reference`: names the delivery and its contact in the provider's reports.
    """

    to: str
    body: str
    valid_until_ms: int
    reference: dict[str, str]

    def frozen(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def thawed(cls, text: str) -> Sms:
        fields: dict[str, Any] = json.loads(text)
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedSms:
    """An SMS in the provider's list, which does not contain the reference."""

    id: str
    to: str
    body: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Size:
    """The size by which an SMS is charged."""

    encoding: Encoding
    segments: int

    @property
    def label(self) -> str:
        """The size in words: `1 segment in GSM-7`."""
        return f"{self.segments} segment{'s' if self.segments > 1 else ''} in {self.encoding}"


def plain_text(text: str) -> str:
    """
    Replace quotes, dashes and spaces by those of GSM-7: a single character outside it halves the capacity of a segment.
    """
    return text.translate(_PLAIN)


def foreign_characters(text: str) -> str:
    """Return the characters that GSM-7 lacks, each once."""
    return "".join(dict.fromkeys(each for each in text if each not in _GSM and each not in _GSM_EXTENSION))


def size_of(text: str) -> Size:
    """Return the size of a text in the encoding that it needs. No character is split between two segments."""
    encoding: Encoding = "UCS-2" if foreign_characters(text) else "GSM-7"
    units = [_units(each, encoding) for each in text]
    alone, together = _UNITS[encoding]
    return Size(encoding, 1 if sum(units) <= alone else _packed(units, together))


def _units(character: str, encoding: Encoding) -> int:
    if encoding == "UCS-2":
        return len(character.encode("utf-16-le")) // 2
    return 2 if character in _GSM_EXTENSION else 1


def _packed(units: Iterable[int], capacity: int) -> int:
    segments, used = 1, 0
    for unit in units:
        if used + unit > capacity:
            segments, used = segments + 1, 0
        used += unit
    return segments
