"""Resend's suppression list: addresses to which the account sends nothing, whatever it accepts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import resend

from common.domain.ids import normal_address
from common.domain.suppression import ListedSuppression
from common.errors import Permanent
from common.providers.budget import Budget
from common.providers.http import list_of, readable_rows
from common.providers.protocols import SuppressionList
from common.providers.resend.sdk import ResendSdk, object_of, read_time_ms

PAGE = 100


class ResendSuppressionList(SuppressionList):
    """The list for one event loop. Each request takes a slot of the budget. Raises ValueError for a malformed key."""

    def __init__(self, api_key: str, api_url: str, *, budget: Budget, timeout_s: float = 10) -> None:
        self._sdk = ResendSdk(api_key, api_url, timeout_s)
        self._budget = budget

    async def pages(self) -> AsyncIterator[Sequence[ListedSuppression]]:
        """Yield all entries, newest first (resend.com/docs/api-reference/suppressions/list-suppressions)."""
        after: str | None = None
        while True:
            await self._budget.take()
            with self._sdk.request(reading=True):
                query: Any = {"limit": PAGE} | ({"after": after} if after else {})
                answer: Any = await resend.Suppressions.list_async(query)
                rows = list_of(answer, "data")
                with readable_rows():
                    page = [_entry(row) for row in rows]
                    after = str(rows[-1]["id"]) if rows else None
            yield page
            if not rows or not answer.get("has_more"):
                return

    async def origin_of(self, address: str) -> str | None:
        await self._budget.take()
        try:
            with self._sdk.request(reading=True):
                return str(object_of(await resend.Suppressions.get_async(address), "origin")["origin"])
        except Permanent as refused:
            if refused.code != "not_found":
                raise
            return None

    async def add(self, address: str) -> None:
        """Add an address. If it is already listed, nothing changes."""
        await self._budget.take()
        with self._sdk.request():
            await resend.Suppressions.add_async({"email": address})

    async def remove(self, address: str) -> None:
        """Remove an address. If it is not listed, nothing changes."""
        await self._budget.take()
        try:
            with self._sdk.request():
                await resend.Suppressions.remove_async(address)
        except Permanent as refused:
            if refused.code != "not_found":
                raise

    async def close(self) -> None:
        await self._sdk.close()


def _entry(row: dict[str, Any]) -> ListedSuppression:
    return ListedSuppression(
        address=normal_address(str(row["email"])),
        origin=str(row.get("origin") or ""),
        created_ms=read_time_ms(str(row["created_at"])),
    )
