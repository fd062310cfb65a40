"""
Cal.com's list of bookings, which shows what its webhooks did not report.

`GET /v2/bookings` with `cal-api-version: 2024-08-13` (cal.com/docs/api-reference/v2/bookings/get-all-bookings). Its
filters and paging are those of `GetBookingsInput_2024_08_13`: `afterStart`, `beforeEnd`, `afterUpdatedAt`,
`sortCreated`, `take` (250 at most), `skip`; without `status` it lists bookings of every status
(packages/platform/types/bookings/2024-08-13/inputs and apps/api/v2/src/ee/bookings/2024-08-13/services of
calcom/cal.com). The answer is `{"status": "success", "data": [booking], "pagination": {"hasNextPage": …}}`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx

from common.clock import iso
from common.domain.booking_diff import ListedBooking
from common.errors import Throttled
from common.providers.budget import Budget
from common.providers.calcom.failures import failure_of
from common.providers.calcom.rows import read_booking
from common.providers.http import DeadlineClient, checked_secret, list_of, measured, transport_failure

VERSION = "2024-08-13"
PAGE = 100
PAGES_MAX = 1_000


class CalcomCalendar:
    """The list, over one connection pool, for one event loop. Raises ValueError if the key is malformed."""

    def __init__(self, api_key: str, base_url: str, *, budget: Budget, timeout_s: float = 10) -> None:
        self._budget = budget
        self._url = f"{base_url.rstrip('/')}/v2/bookings"
        self._client = DeadlineClient(total_s=timeout_s)
        self._headers = {
            "Authorization": f"Bearer {checked_secret('CALCOM_API_KEY', api_key)}",
            "cal-api-version": VERSION,
        }

    async def between(self, start_ms: int, end_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Yield, page by page, every booking that starts and ends between these times. Raises a `Failure`."""
        async for page in self._pages({"afterStart": iso(start_ms), "beforeEnd": iso(end_ms)}):
            yield page

    async def changed_since(self, since_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Yield, page by page, every booking that changed since a time of Cal.com's clock. Raises a `Failure`."""
        async for page in self._pages({"afterUpdatedAt": iso(since_ms)}):
            yield page

    async def close(self) -> None:
        await self._client.aclose()

    async def _pages(self, which: dict[str, str]) -> AsyncIterator[Sequence[ListedBooking]]:
        # Sorted by creation time, which never changes, so that no booking moves from one page to another.
        asked = {**which, "sortCreated": "asc", "take": str(PAGE)}
        skip = 0
        for _ in range(PAGES_MAX):
            rows, has_next_page = await self._request({**asked, "skip": str(skip)})
            yield [booking for row in rows if (booking := read_booking(row)) is not None]
            skip += len(rows)
            if not rows or not has_next_page:
                return

    async def _request(self, query: dict[str, str]) -> tuple[list[Any], bool]:
        """Return the rows of one page, and whether another page may follow."""
        await self._budget.take()
        try:
            with measured("calcom"):
                return await self._get(query)
        except Throttled as throttled:
            await self._budget.push(throttled.retry_after_ms)
            raise

    async def _get(self, query: dict[str, str]) -> tuple[list[Any], bool]:
        try:
            answer = await self._client.get(self._url, params=query, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise transport_failure(error, reading=True) from None
        if answer.status_code != 200:
            raise failure_of(answer.status_code, answer.headers)
        try:
            body: Any = answer.json()
        except ValueError:
            body = None
        return list_of(body, "data"), _has_next_page(body)


def _has_next_page(body: dict[str, Any]) -> bool:
    """Without a pagination object, request pages until one is empty: a page may have fewer rows than `take`."""
    pagination = body.get("pagination")
    return not isinstance(pagination, dict) or pagination.get("hasNextPage") is not False
