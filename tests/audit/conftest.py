import pytest

from actors.audit import audit
from common.providers.budget import Unlimited
from common.providers.notion_rows import SequenceRows
from tests.rebuild.conftest import House, ada, boris, house

__all__ = ["ada", "boris", "house"]


@pytest.fixture
def audited(house: House):
    async def audited():
        rows = SequenceRows(
            house.settings, house.store, clock=house.clock, budget=Unlimited(), campaign_name=house.campaign.name
        )
        try:
            return await audit(house.world, rows)
        finally:
            await rows.close()

    return audited
