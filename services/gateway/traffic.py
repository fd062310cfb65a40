"""How many requests are on their way through, so that a stop can wait for the last of them."""

from __future__ import annotations

import asyncio

from aiohttp import web


class Traffic:
    """`is_closing`: every answer from now on also ends its connection."""

    def __init__(self) -> None:
        self.is_closing = False
        self._requests = 0
        self._idle = asyncio.Event()

    def __enter__(self) -> None:
        self._requests += 1

    def __exit__(self, *_: object) -> None:
        self._requests -= 1
        if self.is_closing and not self._requests:
            self._idle.set()

    async def ended(self, *, seconds_max: float) -> bool:
        """Wait for the last request; False when it took too long."""
        self.is_closing = True
        if not self._requests:
            return True
        try:
            async with asyncio.timeout(seconds_max):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


TRAFFIC = web.AppKey("traffic", Traffic)
