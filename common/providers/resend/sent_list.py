"""
A cache of the list of mails that Resend accepted: a query only requests pages that were not read before.

Resend's list cannot be filtered, so the mails of one contact are found among the mails to all. Each query first reads
the new mails, so that its answer is up to date; then it reads further back, if necessary.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from common.domain.mail import AcceptedMail
from common.providers.budget import Budget

KEPT_MAX = 300_000
"""The most mails in the cache, some 100 MB; then the older half is dropped, and read again when it is needed."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list, newest first. `has_more`: older mails follow."""

    mails: Sequence[AcceptedMail]
    has_more: bool


ReadPage = Callable[[str | None], Awaitable[Page]]
"""A function that returns the page after a mail's id; None: the newest page. Raises a `Failure`."""


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
        Return every mail accepted since a time, newest first. Takes a slot of the budget for each request.

        Raises a `Failure`; pages that were read further back until then are kept for the next query.
        """
        async with self._turn:
            if self._known:
                await self._read_new(budget)
            else:
                self._is_whole = False  # The list was empty; it may have mails now.
            await self._read_back(since_ms, budget)
            found = [mail for mail in self._known if mail.created_ms >= since_ms]
            self._drop_older_half()
            return found

    async def _read_new(self, budget: Budget) -> None:
        """Read the new mails, back to a known one. After a failure none is kept, because a part would leave a gap."""
        new: list[AcceptedMail] = []
        after: str | None = None
        while True:
            page = await self._page(after, budget)
            fresh = [mail for mail in page.mails if mail.id not in self._ids]
            new += fresh
            if len(fresh) < len(page.mails):
                break
            if not page.has_more or not page.mails:
                self._known, self._is_whole = [], True  # The known mails are no longer in the list.
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
