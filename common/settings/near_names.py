"""Misspelled settings: with a wrong letter in its name, a setting would silently count as unset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def near_names(given: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (the unknown name, the setting from which it differs in one letter)."""
    settings = list(known)
    names = {form for name in settings for form in (name, f"{name}_FILE")}
    for name in sorted(set(given) - names):
        if near := next((setting for setting in sorted(names) if differs_in_one_letter(name, setting)), None):
            yield name, near


def differs_in_one_letter(one: str, other: str) -> bool:
    """Return whether exactly one letter is missing, added, replaced, or swapped with its neighbor."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    shorter, longer = sorted((one, other), key=len)
    start = next((i for i, letter in enumerate(shorter) if letter != longer[i]), len(shorter))
    if len(shorter) < len(longer):
        return shorter[start:] == longer[start + 1 :]
    swapped = one[start + 1 : start + 2] + one[start : start + 1] + one[start + 2 :]
    return one[start + 1 :] == other[start + 1 :] or swapped == other[start:]
