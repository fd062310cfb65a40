"""Suggests a known name for an unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str], *, nothing: str = "none") -> str:
    """Return `did you mean 'score'?` or `there are: …`. `nothing`: the word for an empty list."""
    names = [*known]
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or nothing}"
