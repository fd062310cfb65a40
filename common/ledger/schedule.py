"""The schedule as a whole: what is missing in it, and what is due in it."""

from __future__ import annotations

from common.ledger import keys
from common.ledger.store import Store


class Schedule:
    """Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def sweep(self, cursor: str, *, now_ms: int, batch: int = 500) -> tuple[str, list[str]]:
        """Check one page of what is expected: (cursor of the next page or `0`, the jobs that were scheduled again)."""
        args = [cursor, now_ms, batch]
        following, *rescheduled = await self._store.run("sweeper.sweep", [keys.ENROLLED, keys.OPEN], args)
        return following, rescheduled

    async def request_comparison(self, job: str, *, due_ms: int) -> None:
        """Have the calendar's bookings compared with ours at that time; who asks twice asks once."""
        await self._store.run("bookings.request_comparison", [keys.delayed("reconcile_bookings")], [job, due_ms])
