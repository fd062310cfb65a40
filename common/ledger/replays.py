"""Somebody asks for a dead letter to be replayed, and a worker answers: what must be looked for, only a worker can."""

from __future__ import annotations

from common.domain.ids import DeliveryId
from common.ledger import keys
from common.ledger.ledger import Ledger


async def ask_replay(ledger: Ledger, delivery: DeliveryId, *, buried_ms: int, now_ms: int) -> bool:
    """Have a worker plan and do it. False when this is no dead letter any longer, or was buried again since."""
    return bool(
        await ledger.run_script("ask_replay", [keys.delivery(delivery), keys.DEAD], [delivery, now_ms, buried_ms])
    )


async def refuse_replay(ledger: Ledger, delivery: DeliveryId, why: str, *, buried_ms: int, now_ms: int) -> bool:
    """Write down why it stays a dead letter, for whoever asked. False as in `ask_replay`."""
    why = " ".join(why.split())[:300]
    return bool(
        await ledger.run_script(
            "refuse_replay", [keys.delivery(delivery), keys.DEAD], [delivery, now_ms, buried_ms, why]
        )
    )
