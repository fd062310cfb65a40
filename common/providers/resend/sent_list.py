"""
What Resend accepted, read page by page and kept: a query only requests pages that were not read before.

The list cannot be filtered, so an answer about one contact is found among the mail to all. Each query first reads what
is new, so that no answer is older than its query; then it reads further back, if it must.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from common.domain.mail import AcceptedMail
from common.providers.budget import Budget

KEPT_MAX = 300_000
"""Mails, some 100 MB; then the older half is dropped, and read again when it is needed."""


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first; `has_more`: older ones follow."""

    mails: Sequence[AcceptedMail]
    has_more: bool


ReadPage = Callable[[str | None], Awaitable[Page]]
"""The page after this id, None for the newest. Raises a `Failure`."""


class Listing:
    """The list as far as it was read: without a gap from the newest mail back to some time."""

    def __init__(self, read: ReadPage) -> None:
        self._read = read
        self._known: list[AcceptedMail] = []
        self._ids: set[str] = set()
        self._is_whole = False
        self._turn = asyncio.Lock()

    async def since(self, since_ms: int, *, budget: Budget) -> list[AcceptedMail]:
        """
        Every mail accepted since a time, newest first; takes a slot of the budget for each request.

        Raises a `Failure`; what was read further back until then is kept for the next query.
        """
        async with self._turn:
            if self._known:
                await self._read_new(budget)
            await self._read_back(since_ms, budget)
            found = [mail for mail in self._known if mail.created_ms >= since_ms]
            self._drop_older_half()
            return found

    async def _read_new(self, budget: Budget) -> None:
        """Down to what is known. A part of it would leave a gap, so after a failure none is kept."""
        new: list[AcceptedMail] = []
        after: str | None = None
        while True:
            page = await self._page(after, budget)
            fresh = [mail for mail in page.mails if mail.id not in self._ids]
            new += fresh
            if len(fresh) < len(page.mails):
                break
            if not page.has_more or not page.mails:
                self._known, self._is_whole = [], True  # What was known is no longer in the list.
                break
            after = page.mails[-1].id
        self._known = new + self._known
        self._ids = {mail.id for mail in self._known}

    async def _read_back(self, since_ms: int, budget: Budget) -> None:
        while not self._is_whole and not (self._known and self._known[-1].created_ms < since_ms):
            page = await self._page(self._known[-1].id if self._known else None, budget)
            self._known += [mail for mail in page.mails if mail.id not in self._ids]
            self._ids |= {mail.id for mail in page.mails}
            self._is_whole = not page.has_more or not page.mails

    async def _page(self, after: str | None, budget: Budget) -> Page:
        await budget.take()
        return await self._read(after)

    def _drop_older_half(self) -> None:
        if len(self._known) > KEPT_MAX:
            del self._known[KEPT_MAX // 2 :]
            self._ids = {mail.id for mail in self._known}
            self._is_whole = False
