"""Holds on all sending: Advent itself found a reason to send nothing to anybody; each ends with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from common.ledger import keys
from common.ledger.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """`why`: what is so, in lower case, without a full stop. `cure`: what ends it, in whole sentences."""

    since_ms: int
    why: str
    cure: str


class Holds:
    """
    By reason, one word. `clock/<worker>` holds only what that worker sends, and the others send.

    Raises as `Store.run` does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def start(self, reason: str, hold: Hold) -> bool:
        """From its answer on no mail begins to leave. False when this reason held already; what it says is replaced."""
        said = json.dumps(asdict(hold), ensure_ascii=False)
        return bool(await self._store.run("holds.start", [keys.HOLD_ALL], [reason, said]))

    async def finish(self, reason: str) -> Hold | None:
        """End this reason: the hold that was. What is overdue is due at once, unless something else holds it."""
        held = await self._store.run("holds.finish", [keys.HOLD_ALL], [reason])
        return read_hold(held) if held else None

    async def active(self) -> dict[str, Hold]:
        """By reason."""
        return read_holds(await self._store.read_hash(keys.HOLD_ALL))


def read_holds(texts: Mapping[str, str]) -> dict[str, Hold]:
    return {reason: read_hold(text) for reason, text in sorted(texts.items())}


def read_hold(text: str) -> Hold:
    """As it is kept."""
    return Hold(**json.loads(text))
