"""How many events the gateway keeps on its disk, if it can be asked from here."""

from __future__ import annotations

from typing import Any

import aiohttp

SECONDS_MAX = 2
"""Longer than the gateway itself waits for a store that hangs: just then it is of interest what the spool holds."""


async def spooled(gateway_url: str) -> int | None:
    """By its `/ready`; None for a gateway that is elsewhere, or does not answer."""
    timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{gateway_url}/ready") as answer:
            told: Any = await answer.json()
        return int(told["dependencies"]["spool"]["events"])
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError):
        return None
