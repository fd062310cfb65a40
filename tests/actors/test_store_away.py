"""The store goes away while a row is written: the row is written once the store is back, and nothing is reported."""

from __future__ import annotations

from dataclasses import replace

import redis

from actors.notion_sync import notion_sync
from common.ledger import keys
from common.ledger.ledger import Ledger


class Interrupted:
    """A mirror whose first call fails because the store is away."""

    def __init__(self, mirror) -> None:
        self._mirror, self.asked = mirror, 0

    async def show(self, person, *, booking):
        self.asked += 1
        if self.asked == 1:
            raise redis.ConnectionError("Connection refused")
        return await self._mirror.show(person, booking=booking)


async def test_notion_row_is_written_when_the_store_is_back(simulation, ada, clock):
    await simulation.sign_up(ada)
    await simulation.run(until_ms=clock.now_ms())
    mirror = Interrupted(simulation.mirror)
    patient = Ledger(
        simulation.ledger.client,
        campaign=simulation.ledger.campaign,
        cadence=simulation.ledger.cadence,
        secret_key="k" * 32,
        patient=True,
    )

    await notion_sync(replace(simulation.world, mirror=mirror, ledger=patient), "pump")

    assert mirror.asked == 2
    assert len(simulation.mirror.rows) == 1
    assert await simulation.ledger.client.zcard(keys.CHANGED) == 0
