"""Dead letters in the ledger: planned again, found to have been accepted, or given up. `views.py` lists them."""

from __future__ import annotations

from common.domain.ids import DeliveryId, is_reminder, split_delivery_id, step_number
from common.ledger import keys
from common.ledger.access import Access
from common.ledger.short_ids import shortened


class Burials(Access):
    """Part of `Ledger`; raises as it does."""

    async def replay(
        self, delivery: DeliveryId, *, now_ms: int, fresh: bool, again: bool = False, buried_ms: int | None = None
    ) -> bool:
        """
        Plan a dead letter again, due at once. False when it is none any longer, or was buried again since `buried_ms`.

        `fresh`: render it anew; only when it certainly was never accepted. `again`: the same bytes, as if never tried;
        only when somebody decided so after it was looked for in vain.
        """
        way = "fresh" if fresh else "again" if again else "same"
        if is_reminder(delivery):
            return await self._reminders.replay(delivery, way=way, buried_ms=buried_ms, now_ms=now_ms)
        owner, name = split_delivery_id(delivery)
        done = await self.run_script(
            "replay",
            [keys.enrollment(owner), keys.delivery(delivery), keys.DEAD],
            [owner, step_number(name), now_ms, way, buried_ms or 0],
        )
        return bool(done)

    async def found_accepted(
        self, delivery: DeliveryId, provider_id: str, *, sent_ms: int, buried_ms: int, now_ms: int
    ) -> bool:
        """A dead letter turns out to have been accepted. False when it is none any longer, or was buried again."""
        if is_reminder(delivery):
            return await self._reminders.found_accepted(
                delivery, provider_id, sent_ms=sent_ms, buried_ms=buried_ms, now_ms=now_ms
            )
        owner, name = split_delivery_id(delivery)
        done = await self.run_script(
            "found",
            [keys.enrollment(owner), keys.delivery(delivery), keys.DEAD],
            [owner, step_number(name), now_ms, buried_ms, sent_ms, shortened(provider_id), self.cadence.length],
        )
        return bool(done)

    async def discard(self, delivery: DeliveryId, *, now_ms: int) -> bool:
        """Give a dead letter up for good."""
        if is_reminder(delivery):
            return await self._reminders.discard(delivery, now_ms=now_ms)
        owner, name = split_delivery_id(delivery)
        done = await self.run_script(
            "discard", [keys.delivery(delivery), keys.DEAD], [owner, step_number(name), now_ms]
        )
        return bool(done)
