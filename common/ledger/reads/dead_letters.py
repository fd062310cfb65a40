"""
Reads only: what groups of dead letters are made of, kept in the memory of the process that shows them.

Why a delivery is a dead letter does not change while it is one: each is read once, and a page costs the store two
commands and what became dead since. Where that does not tell which are there, it costs the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

from common.domain.delivery import Delivery
from common.domain.ids import DeliveryId
from common.ledger.dead_letters import PAGE, DeadLetter
from common.ledger.ledger import Ledger

READ_MAX = 2_000
"""So many new ones are read for a page; the next one goes on."""
ASKED = 200
"""So many of the newest are asked for. Unless the oldest of them is known, some that are new may have been missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLetter:
    """A dead letter without its mail and its owner, as `DeadLetter` has them."""

    delivery: Delivery
    dead_since_ms: int
    reason: str
    outcome_unknown: bool
    first_attempt_ms: int | None

    @property
    def id(self) -> DeliveryId:
        return self.delivery.id


class DeadLetterList:
    """Raises as `Store.run` does."""

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
        """Of `total`, those that are not in the list yet."""
        return self.total - len(self._known)

    async def refresh(self, *, is_whole: bool = False) -> list[ListedLetter]:
        """
        All that have been read, the newest first. Of those that are new, READ_MAX are read; `is_whole`: all.

        Clocks that are apart may date one before those that are known: only `is_whole` certainly finds it at once.
        """
        since = await self._ledger.dead_letters.since() if is_whole else await self._newest_since()
        if since != self._since or self.unread:
            await self._read(since, None if is_whole else READ_MAX)
        return self._listed

    async def _newest_since(self) -> dict[DeliveryId, int]:
        """Of each of them, since when; oldest first."""
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
    """None for one of whom nobody knows whose it is, or that is none any longer."""
    if letter is None:
        return None
    return ListedLetter(
        delivery=letter.delivery,
        dead_since_ms=letter.dead_since_ms,
        reason=letter.reason,
        outcome_unknown=letter.outcome_unknown,
        first_attempt_ms=letter.first_attempt_ms,
    )
