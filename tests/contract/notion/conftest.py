"""Fixtures: the Notion mirror with the real SDK, and a fake Notion that gives the answers the test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from common.clock import VirtualClock
from common.domain.projection import CampaignColumns
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.mirror import NotionMirror
from tests.contract.notion.people import MakeMirror, Patience
from tests.contract.notion_fake import CONTACT_ID, SEQUENCE_ID, FakeNotion, fake_notion


@pytest.fixture
async def notion() -> AsyncIterator[FakeNotion]:
    async with fake_notion() as notion:
        yield notion


@pytest.fixture
def budget() -> Patience:
    return Patience()


@pytest.fixture
async def make_mirror(
    notion: FakeNotion, store: redis.asyncio.Redis, clock: VirtualClock, budget: Patience
) -> AsyncIterator[MakeMirror]:
    made: list[NotionMirror] = []

    def mirror(**options: Any) -> NotionMirror:
        defaults: dict[str, Any] = {"base_url": notion.url, "sequence_db": SEQUENCE_ID, "contact_db": CONTACT_ID}
        guard = StoreCreateGuard(store, clock=clock)
        campaigns = {"christmas_2025": CampaignColumns(name="Christmas 2025")}
        fixed = {"campaigns": campaigns, "budget": budget, "guard": guard, "clock": clock, "timeout_s": 3}
        made.append(NotionMirror("ntn_1", **fixed | defaults | options))
        return made[-1]

    yield mirror
    for each in made:
        await each.close()


@pytest.fixture
def mirror(make_mirror: MakeMirror) -> NotionMirror:
    return make_mirror()
