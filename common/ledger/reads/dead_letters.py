"""
Reads only: what groups of dead letters are made of, kept in the memory of the process that shows them.

Why a delivery is a dead letter does not change while it is one: each is read once, and a page costs the store the list
of all and what became dead since.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.delivery import Delivery
from common.domain.ids import DeliveryId
from common.ledger.dead_letters import PAGE, DeadLetter
from common.ledger.ledger import Ledger

READ_MAX = 2_000
"""So many new ones are read for a page; the next one goes on."""


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
        self._known: dict[DeliveryId, tuple[int, ListedLetter | None]] = {}
        self.total = 0

    @property
    def unread(self) -> int:
        """Of `total`, those that are not in the list yet."""
        return self.total - len(self._known)

    async def refresh(self, *, is_whole: bool = False) -> list[ListedLetter]:
        """All that have been read, the newest first. Of those that are new, READ_MAX are read; `is_whole`: all."""
        since = await self._ledger.dead_letters.since()
        known = {id: kept for id, kept in self._known.items() if since.get(id) == kept[0]}
        new = [id for id in reversed(since) if id not in known][: None if is_whole else READ_MAX]
        for first in range(0, len(new), PAGE):
            ids = new[first : first + PAGE]
            found = await self._ledger.dead_letters.of(ids)
            known |= {id: (since[id], _listed(found.get(id))) for id in ids}
        self._known, self.total = known, len(since)
        return [letter for id in reversed(since) if id in known and (letter := known[id][1]) is not None]


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
