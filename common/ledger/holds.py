"""Holds on all sending: Advent found a reason to send nothing to anybody. A hold ends with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from common.ledger import keys
from common.ledger.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """
    One hold on all sending.

    `why`: the cause, in lower case, without a full stop. `cure`: what ends the hold, in whole sentences.
    """

    since_ms: int
    why: str
    cure: str


class Holds:
    """
    The holds, by reason (one word). `clock/<worker>` holds only that worker; the others continue to send.

    Raises as `Store.run` does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, reason: str, hold: Hold) -> bool:
        """
        Start a hold. Once the call has returned, no new attempt begins.

        Returns False if there was a hold for this reason already; its `Hold` is then replaced.
        """
        said = json.dumps(asdict(hold), ensure_ascii=False)
        return bool(await self._store.run("holds.start", [keys.HOLD_ALL], [reason, said]))

    async def finish(self, reason: str) -> Hold | None:
        """
        End the hold for this reason and return it, if there was one.

        Overdue deliveries are then due at once, unless something else holds them.
        """
        held = await self._store.run("holds.finish", [keys.HOLD_ALL], [reason])
        return read_hold(held) if held else None

    async def active(self) -> dict[str, Hold]:
        """Return all holds, by reason."""
        return read_holds(await self._store.read_hash(keys.HOLD_ALL))


def read_holds(texts: Mapping[str, str]) -> dict[str, Hold]:
    return {reason: read_hold(text) for reason, text in sorted(texts.items())}


def read_hold(text: str) -> Hold:
    """Read a hold from its stored text."""
    return Hold(**json.loads(text))
