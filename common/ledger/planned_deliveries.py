"""Deliveries that are still planned: an operator skips them, or sends them now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final, Literal

from common.domain.campaign_terms import CampaignTerms
from common.domain.delivery import delivery_of
from common.domain.ids import DeliveryId
from common.ledger import keys
from common.ledger.deliveries import delivery_fields, steps_after, stored_reason
from common.ledger.store import Store

BY_HAND: Final = "by hand: "

Answer = Literal["done", "already", "sending", "over", "paused", "later", "another version"]


@dataclass(frozen=True, slots=True)
class Decided:
    """
    The result of an operator's decision; `lua/planned_deliveries.lua` explains the answers.

    `detail`: the status or reason, if the decision was refused. `at_ms`: when the delivery is sent, if it is sent now.
    """

    answer: Answer
    detail: str = ""
    at_ms: int | None = None

    @property
    def is_done(self) -> bool:
        return self.answer == "done"


class PlannedDeliveries:
    """
    The planned deliveries of all campaigns, kinds and channels.

    Raises as `Store.run` does, and ValueError if an id is no delivery's.
    """

    def __init__(self, store: Store, campaigns: Mapping[str, CampaignTerms]) -> None:
        self._store, self._campaigns = store, campaigns

    async def skip(self, delivery_id: DeliveryId, *, campaign: str, reason: str, by: str, now_ms: int) -> Decided:
        """
        Skip a delivery: it is never sent. `by`: who decided.

        The reason for a reminder or follow-up gets the prefix BY_HAND. Without it, a text equal to one of the planner's
        own reasons would be replaced when the booking changes.
        """
        given = (
            stored_reason(reason) if delivery_of(delivery_id).step is not None else stored_reason(f"{BY_HAND}{reason}")
        )
        return await self._decide("skip", delivery_id, campaign, by, now_ms, reason=given)

    async def send_now(
        self, delivery_id: DeliveryId, *, campaign: str, ignores_gap: bool, by: str, now_ms: int
    ) -> Decided:
        """
        Send a delivery at once. A step waits for the minimum gap to the last mail, unless `ignores_gap`.

        Sending windows and quiet hours apply.
        """
        return await self._decide("send_now", delivery_id, campaign, by, now_ms, ignores_gap=ignores_gap or None)

    async def _decide(
        self, entry: str, delivery_id: DeliveryId, campaign: str, by: str, now_ms: int, **more: Any
    ) -> Decided:
        delivery, terms = delivery_of(delivery_id), self._campaigns[campaign]
        given = {
            **delivery_fields(delivery, now_ms),
            "by": by,
            "call_id": token_hex(8),
            "version": terms.version,
            "gap_ms": terms.cadence.minimum_gap_ms,
            "following": steps_after(terms.cadence, delivery.step) if delivery.step is not None else None,
            **more,
        }
        touched = [keys.owner(delivery.owner), keys.delivery(delivery_id)]
        answer, detail = await self._store.run_json(f"planned_deliveries.{entry}", touched, given)
        at_ms = int(detail) if answer == "done" and detail != "" else None
        return Decided(answer, "" if at_ms is not None else str(detail), at_ms)
