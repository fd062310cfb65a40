"""The holds on all sending while a store is not accounted for: their reasons, and what ends them."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from common.clock import utc_datetime
from common.domain.store_generation import COPIED, EMPTIED, RESTORED, UNSETTLED, Generation, Memory, newest
from common.ledger.holds import Hold
from common.world import World

log = structlog.get_logger(__name__)


class StoreHolds:
    """Begins and ends these holds. Raises like `Store.run`."""

    def __init__(self, world: World) -> None:
        self._holds, self._clock = world.ledger.holds, world.clock
        self._has_notion = world.settings.notion_email_sequence_db_id is not None

    async def active(self) -> set[str]:
        return set(await self._holds.active())

    async def emptied(self, memories: Sequence[Memory]) -> None:
        latest = _newest(memories)
        why = f"the store is empty, and had {latest.people:,} people at {_time(latest.at_ms)}"
        await self._start(EMPTIED, why, _EMPTIED_CURE if self._has_notion else _EMPTIED_CURE_ALONE)

    async def restored(self, store: Generation | None, memories: Sequence[Memory]) -> None:
        age = f"of {_time(store.at_ms)}" if store else "of an unknown time"
        running = _time(_newest(memories).at_ms)
        why = f"the store was restored from a backup {age}, and had been running at {running}"
        await self._start(RESTORED, why, _RESTORED_CURE)

    async def copied(self) -> None:
        await self._start(COPIED, _COPIED_WHY, _COPIED_CURE)

    async def unsettled(self) -> None:
        await self._start(UNSETTLED, _UNSETTLED_WHY, _UNSETTLED_CURE)

    async def finish(self, *reasons: str) -> None:
        for reason in reasons:
            if await self._holds.finish(reason):
                log.warning("sending_released", reason=reason)

    async def _start(self, reason: str, why: str, cure: str) -> None:
        if await self._holds.start(reason, Hold(since_ms=self._clock.now_ms(), why=why, cure=cure)):
            log.error("sending_held", reason=reason, why=why, cure=cure)


def _newest(memories: Sequence[Memory]) -> Memory:
    latest = newest(memories)
    assert latest is not None, "a store is behind, or empty, by what somebody remembers"
    return latest


def _time(ms: int) -> str:
    return utc_datetime(ms).strftime("%Y-%m-%d %H:%M:%S UTC")


_COPIED_WHY = "another store of this campaign is running with the same generation"
_COPIED_CURE = "Stop one of the two; sending continues 20 seconds later."
_RESTORED_CURE = (
    "Mail sent since the backup is being settled from Resend's list and Notion; `advent resume --plan` shows it."
)
_EMPTIED_CURE = "It ends when Notion has been read; or `advent resume` starts sending without those people."
_EMPTIED_CURE_ALONE = "Restore a backup; or `advent resume` starts sending without those people."
_UNSETTLED_WHY = "the store was restored, and neither Resend nor Notion shows who has left since the backup"
_UNSETTLED_CURE = (
    "Set RESEND_API_KEY to one with full access and restart; or suppress who left with `advent suppress` and run"
    " `advent resume`."
)
