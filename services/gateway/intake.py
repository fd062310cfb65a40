"""The way in: an event goes into the ledger, or into the spool while the store is away; durable before the answer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Literal

from common.domain.segment import Segment
from common.ledger.answers import Acceptance
from common.ledger.ledger import Ledger
from services.gateway.events import Kept, SignupReceived, UnsubscribeReceived
from services.gateway.spool import Spool
from services.gateway.store_watch import FAILURES, StoreWatch

REMEMBERED = 10_000

Outcome = Literal["accepted", "duplicate", "repeated", "spooled"]


class Intake:
    """
    Ledger and spool as one.

    The answers given last are remembered, so that an id repeated after the store went away gets its own answer.
    """

    def __init__(self, ledger: Ledger, spool: Spool, store: StoreWatch) -> None:
        self.ledger = ledger
        self.spool = spool
        self.store = store
        self._answers: OrderedDict[str, Acceptance] = OrderedDict()

    async def sign_up(self, event: SignupReceived) -> tuple[Acceptance, Outcome]:
        """What to answer. Raises Unavailable when the event cannot be made durable."""
        kept = event.kept(self.ledger.campaign) if self._must_ask_spool() else None
        if not self.store.is_away and not (kept and self.spool.holds(kept)):
            try:
                acceptance = await self.ledger.accept(
                    event.assessment, webhook_id=event.webhook_id, received_ms=event.received_ms
                )
            except FAILURES as error:
                self.store.failed(error)
            else:
                self._remember(event.webhook_id, acceptance)
                return acceptance, "repeated" if acceptance.repeated else acceptance.answer
        return await self._spooled(kept or event.kept(self.ledger.campaign))

    async def unsubscribe(self, event: UnsubscribeReceived) -> Outcome:
        """End what the link names. Raises Unavailable when the event cannot be made durable."""
        kept = event.kept()
        if not self.store.is_away and not self.spool.holds(kept):
            try:
                await self.ledger.unsubscribe(event.who.enrollment_id, mark=event.who.mark, now_ms=event.received_ms)
            except FAILURES as error:
                self.store.failed(error)
            else:
                return "accepted"
        await self.spool.keep(kept)
        self.store.changed.set()
        return "spooled"

    def _must_ask_spool(self) -> bool:
        return self.spool.events > 0 or self.store.is_away

    async def _spooled(self, kept: Kept) -> tuple[Acceptance, Outcome]:
        known = self._answers.get(kept.id)
        if known is not None:
            return replace(known, repeated=True), "repeated"
        repeated = kept.id in self.spool
        receipt = await self.spool.keep(kept)
        self.store.changed.set()
        acceptance = Acceptance(
            answer="accepted",
            repeated=repeated,
            enrollment_id=receipt.enrollment_id,
            email=receipt.email,
            segment=receipt.segment or Segment.OPTIMIZE,
            received_ms=receipt.received_ms,
        )
        return acceptance, "repeated" if repeated else "spooled"

    def _remember(self, webhook_id: str, acceptance: Acceptance) -> None:
        self._answers[webhook_id] = acceptance
        if len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)
