"""Numbers and durations as people read them."""

from __future__ import annotations


def count(number: int, noun: str, plural: str = "") -> str:
    """Return `1 worker`, `2,000 workers` or `no workers`. `plural`: needed when it is not the noun plus `s`."""
    amount = f"{number:,}" if number else "no"
    return f"{amount} {noun}" if number == 1 else f"{amount} {plural or noun + 's'}"


def duration(ms: float) -> str:
    """Return `36 s`, `12 min`, `3 h` or `2 d`: the largest unit of which there are at least two."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min")):
        if abs(ms) >= 2 * size:
            return f"{ms / size:.0f} {unit}"
    return f"{ms / 1000:.0f} s" if abs(ms) >= 1_000 or not ms else f"{ms:.0f} ms"


def as_sentence(line: str) -> str:
    """Return the line with a capital first letter and a full stop."""
    return line[:1].upper() + line[1:].rstrip(".") + "."
