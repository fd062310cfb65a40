"""What a worker does next to its jobs ends when it ends."""

from __future__ import annotations

import asyncio

from common.background import BackgroundTasks


async def test_what_swallows_its_first_cancellation_is_ended_all_the_same() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            begun.clear()  # As a connection does that is being made.
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks = BackgroundTasks()
    tasks.start([stubborn()])
    await begun.wait()

    await tasks.stop()

    assert ended.is_set()


async def test_what_has_failed_keeps_nobody_from_ending() -> None:
    async def fails() -> None:
        raise ValueError("of no consequence")

    tasks = BackgroundTasks()
    tasks.start([fails()])
    await asyncio.sleep(0)

    await tasks.stop()
