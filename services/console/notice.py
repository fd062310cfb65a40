"""The result of an action in words, which the page after it shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """`text`: whole sentences. `is_done`: False if nothing was done; the text then says why."""

    text: str
    is_done: bool = True
