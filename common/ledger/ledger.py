"""The typed face of each transition. Every change of state is one atomic script in `scripts/`; nothing else writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import redis.asyncio

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.ids import EnrollmentId
from common.domain.segment import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """
    What became of a signup.

    `answer`: `accepted` for a new person, `duplicate` for a known one. `repeated`: this webhook id was answered before,
    and everything here is as it was then. `received_ms`: the instant of the event that was answered first.
    """

    answer: Literal["accepted", "duplicate"]
    repeated: bool
    enrollment_id: EnrollmentId
    segment: Segment
    received_ms: int


class Ledger:
    """
    The truth about people and deliveries, over one store.

    All methods raise `redis.RedisError` when the store cannot be reached or refuses to write; then nothing was changed,
    or all of it was and a repetition changes nothing.
    """

    def __init__(self, client: redis.asyncio.Redis, *, campaign: str, cadence: Cadence) -> None:
        self.client = client
        self.campaign = campaign
        self.cadence = cadence

    async def accept(
        self,
        assessment: Assessment,
        *,
        webhook_id: str,
        received_ms: int,
        answer: Literal["accepted"] | None = None,
    ) -> Acceptance:
        """
        Keep a signup and ask for its classification: one round trip, all or nothing.

        `webhook_id` is remembered for 45 days. `answer`: the answer given already, from the spool, to be remembered as is.
        """
        raise NotImplementedError

    async def unsubscribe(self, enrollment_id: EnrollmentId, *, mark: str, now_ms: int) -> None:
        """End the enrollment, if there is one, and suppress the address behind `mark`. Repeating changes nothing."""
        raise NotImplementedError
