from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from notion_client import AsyncClient

from tests.sandbox.running import RunningSandbox, notion_sdk, resend_sdk_at, running


@pytest.fixture
async def run(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningSandbox]:
    """An empty sandbox that stores nothing on disk; Resend's SDK, which has one address per process, points to it."""
    async with running() as started:
        resend_sdk_at(started, monkeypatch)
        yield started


@pytest.fixture
async def notion(run: RunningSandbox) -> AsyncIterator[AsyncClient]:
    async with notion_sdk(run) as client:
        yield client
