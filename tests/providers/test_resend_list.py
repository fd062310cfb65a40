"""The list of sent mails is read once: another query reads only newer pages, or pages further back."""

from __future__ import annotations

import pytest

from common.domain.mail import AcceptedMail
from common.errors import Throttled
from common.providers.budget import Unlimited
from common.providers.resend.sent_list import Listing, Page


class Resend:
    """A fake list with five mails a page, newest first; mail n was accepted at n seconds."""

    def __init__(self, count: int) -> None:
        self.mails = [AcceptedMail(id=f"m{n}", to=("a@b.c",), subject="", created_ms=n * 1000) for n in range(count)]
        self.asked: list[str | None] = []
        self.failing: list[Exception] = []

    async def page(self, after: str | None) -> Page:
        self.asked.append(after)
        if self.failing and (failure := self.failing.pop(0)):
            raise failure
        newest = self.mails[::-1]
        start = 0 if after is None else [mail.id for mail in newest].index(after) + 1
        return Page(newest[start : start + 5], has_more=len(newest) > start + 5)

    def accepts(self, count: int) -> None:
        first = len(self.mails)
        self.mails += [
            AcceptedMail(id=f"m{n}", to=("a@b.c",), subject="", created_ms=n * 1000)
            for n in range(first, first + count)
        ]

    def pages(self) -> int:
        asked, self.asked = self.asked, []
        return len(asked)


async def since(listing: Listing, second: int) -> list[str]:
    return [mail.id for mail in await listing.since(second * 1000, budget=Unlimited())]


async def test_sent_list_is_read_back_to_a_time_and_then_only_its_new_mails():
    resend = Resend(50)
    listing = Listing(resend.page)

    assert await since(listing, 42) == [f"m{n}" for n in range(49, 41, -1)]
    assert resend.pages() == 2
    resend.accepts(3)
    assert await since(listing, 42) == [f"m{n}" for n in range(52, 41, -1)]
    assert resend.pages() == 1
    resend.accepts(12)
    assert await since(listing, 50) == [f"m{n}" for n in range(64, 49, -1)]
    assert resend.pages() == 3


async def test_query_further_back_continues_at_the_end_of_the_sent_list_read_so_far():
    resend = Resend(50)
    listing = Listing(resend.page)
    await since(listing, 42)
    resend.pages()

    assert len(await since(listing, 0)) == 50
    assert resend.pages() == 1 + 8


@pytest.mark.parametrize("failing_page", range(4))
async def test_failure_while_reading_the_sent_list_leaves_no_gap(failing_page: int):
    resend = Resend(20)
    listing = Listing(resend.page)
    await since(listing, 15)
    resend.accepts(14)
    resend.failing = [None] * failing_page + [Throttled("rate_limit_exceeded")]  # type: ignore[list-item]

    with pytest.raises(Throttled):
        await since(listing, 0)
    assert await since(listing, 0) == [f"m{n}" for n in range(33, -1, -1)]


async def test_empty_sent_list_is_a_valid_result():
    listing = Listing(Resend(0).page)
    assert await since(listing, 0) == await since(listing, 0) == []


async def test_sent_list_that_was_empty_is_read_again():
    resend = Resend(0)
    listing = Listing(resend.page)
    await since(listing, 0)
    resend.accepts(12)

    assert await since(listing, 0) == [f"m{n}" for n in range(11, -1, -1)]


async def test_emptied_sent_list_is_read_again():
    resend = Resend(20)
    listing = Listing(resend.page)
    await since(listing, 0)
    resend.mails = resend.mails[:0]
    resend.accepts(3)
    resend.mails = [AcceptedMail(id=f"new{n}", to=(), subject="", created_ms=n) for n in range(3)]

    assert await since(listing, 0) == ["new2", "new1", "new0"]
