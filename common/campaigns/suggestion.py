"""What somebody may have meant who wrote a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str], *, nothing: str = "none") -> str:
    """`did you mean 'score'?`, or what there is; `nothing`: what is said where there is nothing."""
    names = [*known]
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or nothing}"
