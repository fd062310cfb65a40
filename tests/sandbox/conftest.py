from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import resend
from notion_client import AsyncClient

from services.sandbox.ids import API_KEY
from tests.sandbox.running import Running, notion_sdk, running


@pytest.fixture
async def run(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """An empty sandbox that keeps nothing; Resend's SDK, which has one address a process, speaks to it."""
    async with running() as started:
        monkeypatch.setattr(resend, "api_key", API_KEY)
        monkeypatch.setattr(resend, "api_url", started.resend_url)
        yield started


@pytest.fixture
async def notion(run: Running) -> AsyncIterator[AsyncClient]:
    async with notion_sdk(run) as client:
        yield client
