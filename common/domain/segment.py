"""The kind of contact, by one pure rule that gateway and `classify` share."""

from __future__ import annotations

from enum import StrEnum


class Segment(StrEnum):
    CRITICAL = "CRITICAL"
    URGENT = "URGENT"
    OPTIMIZE = "OPTIMIZE"


def segment_of(*, red: int, orange: int) -> Segment:
    """CRITICAL at 2 or more red systems; URGENT at 1 red, or at 2 or more orange; else OPTIMIZE."""
    if red >= 2:
        return Segment.CRITICAL
    if red == 1 or orange >= 2:
        return Segment.URGENT
    return Segment.OPTIMIZE
