"""
Read-only: a list of dead letters, held in the memory of the process that shows it.

The reason of a dead letter does not change, so each one is read only once: a page costs the store two commands and the
dead letters that are new. Where the two commands do not show which ones there are, all ids are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

from common.domain.delivery import Delivery
from common.domain.ids import DeliveryId
from common.ledger.dead_letters import PAGE, DeadLetter
from common.ledger.ledger import Ledger

READ_MAX = 2_000
"""At most so many new ones are read for a page; the next page continues."""
ASKED = 200
"""So many of the newest are requested. If the oldest of them is not known, some new ones may have been missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLetter:
    """A `DeadLetter` without its mail and its owner."""

    delivery: Delivery
    dead_since_ms: int
    reason: str
    outcome_unknown: bool
    first_attempt_ms: int | None

    @property
    def id(self) -> DeliveryId:
        return self.delivery.id


class DeadLetterList:
    """The dead letters that have been read. Raises as `Store.run` does."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._since: dict[DeliveryId, int] = {}
        self._known: dict[DeliveryId, tuple[int, ListedLetter | None]] = {}
        self._listed: list[ListedLetter] = []

    @property
    def total(self) -> int:
        return len(self._since)

    @property
    def unread(self) -> int:
        """How many of `total` are not in the list yet."""
        return self.total - len(self._known)

    async def refresh(self, *, is_whole: bool = False) -> list[ListedLetter]:
        """
        Return all that have been read, the newest first. Read at most READ_MAX new ones; `is_whole`: all.

        If clocks differ, a new one may be dated before known ones: only `is_whole` certainly finds it at once.
        """
        since = await self._ledger.dead_letters.since() if is_whole else await self._newest_since()
        if since != self._since or self.unread:
            await self._read(since, None if is_whole else READ_MAX)
        return self._listed

    async def _newest_since(self) -> dict[DeliveryId, int]:
        """Return since when each delivery is a dead letter, oldest first."""
        letters = self._ledger.dead_letters
        number, newest = await letters.newest_since(ASKED)
        since = self._since | newest
        oldest = next(reversed(newest), None)
        is_missed = len(newest) == ASKED and oldest is not None and self._since.get(oldest) != newest[oldest]
        if is_missed or len(since) != number:
            return await letters.since()
        if since == self._since:
            return self._since
        return dict(sorted(since.items(), key=itemgetter(1, 0)))

    async def _read(self, since: dict[DeliveryId, int], number_max: int | None) -> None:
        known = {id: kept for id, kept in self._known.items() if since.get(id) == kept[0]}
        new = [id for id in reversed(since) if id not in known][:number_max]
        for first in range(0, len(new), PAGE):
            ids = new[first : first + PAGE]
            found = await self._ledger.dead_letters.of(ids)
            known |= {id: (since[id], _listed(found.get(id))) for id in ids}
        self._since, self._known = since, known
        self._listed = [letter for id in reversed(since) if id in known and (letter := known[id][1]) is not None]


def _listed(letter: DeadLetter | None) -> ListedLetter | None:
    """Return None for a letter of unknown owner, and for one that is no dead letter any more."""
    if letter is None:
        return None
    return ListedLetter(
        delivery=letter.delivery,
        dead_since_ms=letter.dead_since_ms,
        reason=letter.reason,
        outcome_unknown=letter.outcome_unknown,
        first_attempt_ms=letter.first_attempt_ms,
    )
