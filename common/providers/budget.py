"""Rate budgets, shared by all workers through the store: so many requests in a window, never more."""

from __future__ import annotations

from typing import Protocol


class Budget(Protocol):
    async def take(self) -> None:
        """Wait for the next slot. Raises `Throttled` with `retry_after_ms` when that is more than a few seconds away."""
        ...
