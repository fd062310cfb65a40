"""
What Resend accepted, read page by page and remembered: a question costs the pages that nobody asked for before.

The list cannot be filtered, so an answer about one person is read out of everybody's mail. Each question first reads
what is new, so that no answer is older than its question; then it goes further back, if it must.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from common.domain.mail import AcceptedMail
from common.providers.budget import Budget

REMEMBERED_MOST = 300_000
"""Mails, some 100 MB; then the older half is forgotten, and read again by whoever asks for it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first; `has_more`: older ones follow."""

    mails: Sequence[AcceptedMail]
    has_more: bool


ReadPage = Callable[[str | None], Awaitable[Page]]
"""The page after this id, None for the newest. Raises a `Failure`."""


class Listing:
    """The list as far as it was read: without a gap from the newest mail back to some instant."""

    def __init__(self, read: ReadPage) -> None:
        self._read = read
        self._known: list[AcceptedMail] = []
        self._ids: set[str] = set()
        self._is_whole = False
        self._turn = asyncio.Lock()

    async def since(self, since_ms: int, *, budget: Budget) -> list[AcceptedMail]:
        """
        Every mail accepted since an instant, newest first; a budget is taken for each request.

        Raises a `Failure`; what was read further back until then is kept for the next question.
        """
        async with self._turn:
            if self._known:
                await self._read_new(budget)
            await self._read_back(since_ms, budget)
            found = [mail for mail in self._known if mail.created_ms >= since_ms]
            self._forget()
            return found

    async def _read_new(self, budget: Budget) -> None:
        """Down to what is known. Half of it would leave a gap, so a failure on the way keeps none."""
        new: list[AcceptedMail] = []
        after: str | None = None
        while True:
            page = await self._page(after, budget)
            fresh = [mail for mail in page.mails if mail.id not in self._ids]
            new += fresh
            if len(fresh) < len(page.mails):
                break
            if not page.has_more or not page.mails:
                self._known, self._is_whole = [], True  # What was known is gone from the list.
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

    def _forget(self) -> None:
        if len(self._known) > REMEMBERED_MOST:
            del self._known[REMEMBERED_MOST // 2 :]
            self._ids = {mail.id for mail in self._known}
            self._is_whole = False
