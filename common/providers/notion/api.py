"""Requests to Notion: within the budget, measured, and with errors translated into failures."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from notion_client import AsyncClient
from notion_client.errors import HTTPResponseError, RequestTimeoutError

from common.clock import DateWitness
from common.errors import Throttled
from common.providers.budget import Budget
from common.providers.http import (
    DeadlineClient,
    checked_secret,
    list_of,
    measured,
    phases,
    transport_failure,
    unanswered,
)
from common.providers.notion.failures import committed_id, failure_of

Page = dict[str, Any]
"""A page object, as Notion's reference describes it."""

# The SDK logs Notion's answers, which may quote personal data; our log gets the failure instead.
_SILENT = logging.getLogger("advent.notion_sdk")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class NotionApi:
    """
    One SDK client over one connection pool, for one event loop. Raises ValueError if the token is malformed.

    The SDK's own retries are off: it may sleep for two minutes inside a call, and knows neither our budget nor 529.
    """

    def __init__(
        self,
        token: str,
        base_url: str,
        *,
        budget: Budget,
        timeout_s: float = 10,
        witness: DateWitness | None = None,
    ) -> None:
        self._budget = budget
        self._client = DeadlineClient(total_s=timeout_s, witness=witness)
        self._sdk = AsyncClient(
            client=self._client,
            auth=checked_secret("NOTION_TOKEN", token),
            base_url=base_url.rstrip("/"),
            logger=_SILENT,
            log_level=logging.CRITICAL,
            retry=False,
        )
        self._client.timeout = phases(timeout_s)  # The SDK has set its own time-outs.

    async def database(self, database_id: str, *, cure: str) -> dict[str, Any]:
        async with self._request(reading=True, cure=cure):
            return expect_object(await self._sdk.databases.retrieve(database_id), reading=True)

    async def data_source(self, data_source_id: str, *, cure: str) -> dict[str, Any]:
        async with self._request(reading=True, cure=cure):
            return expect_object(await self._sdk.data_sources.retrieve(data_source_id), "properties", reading=True)

    async def add_properties(self, data_source_id: str, kinds: Mapping[str, str], *, cure: str) -> None:
        async with self._request(reading=False, cure=cure):
            properties: dict[str, Any] = {name: {kind: {}} for name, kind in kinds.items()}
            await self._sdk.data_sources.update(data_source_id, properties=properties)

    async def query(self, data_source_id: str, condition: Mapping[str, Any], *, cure: str) -> list[Page]:
        """Return the first hundred pages that match a filter. Pages that were created just now may be missing."""
        async with self._request(reading=True, cure=cure):
            answer = await self._sdk.data_sources.query(data_source_id, filter=dict(condition), page_size=100)
            return list_of(answer, "results")

    async def page(self, page_id: str) -> Page:
        async with self._request(reading=True):
            return expect_object(await self._sdk.pages.retrieve(page_id), reading=True)

    async def create(self, data_source_id: str, properties: Mapping[str, Any], *, cure: str) -> str:
        """Create a page and return its id, also if Notion answers with a 503 that says that the page was committed."""
        parent = {"type": "data_source_id", "data_source_id": data_source_id}
        async with self._request(reading=False, cure=cure):
            try:
                answer = await self._sdk.pages.create(parent=parent, properties=dict(properties))
            except HTTPResponseError as error:
                page_id = committed_id(error)
                if page_id is None:
                    raise
                return page_id
            return str(expect_object(answer, "id", reading=False)["id"])

    async def update(self, page_id: str, properties: Mapping[str, Any]) -> Page:
        async with self._request(reading=False):
            return expect_object(await self._sdk.pages.update(page_id, properties=dict(properties)), reading=False)

    async def trash(self, page_id: str) -> None:
        """Move a page to Notion's trash, where it can be restored for 30 days."""
        async with self._request(reading=False):
            await self._sdk.pages.update(page_id, in_trash=True)

    async def close(self) -> None:
        await self._sdk.aclose()

    @asynccontextmanager
    async def _request(self, *, reading: bool, cure: str = "") -> AsyncIterator[None]:
        await self._budget.take()
        try:
            with measured("notion"), _translated(reading=reading, cure=cure):
                yield
        except Throttled as throttled:
            await self._budget.push(throttled.retry_after_ms)
            raise


@contextmanager
def _translated(*, reading: bool, cure: str = "") -> Iterator[None]:
    """Translate the exceptions of the SDK into a `Failure`. `cure`: see `failure_of`."""
    try:
        yield
    except HTTPResponseError as error:
        raise failure_of(error, reading=reading, cure=cure) from None
    except RequestTimeoutError as error:
        context = error.__context__
        cause = context if isinstance(context, httpx.TimeoutException) else httpx.ReadTimeout("")
        raise transport_failure(cause, reading=reading) from None
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise transport_failure(error, reading=reading) from None
    except json.JSONDecodeError:
        raise unanswered("unreadable_answer", "a success that is not JSON", status=200, reading=reading) from None


def expect_object(answer: Any, key: str = "object", *, reading: bool) -> dict[str, Any]:
    if not isinstance(answer, dict) or key not in answer:
        raise unanswered("unreadable_answer", "a success without an object", status=200, reading=reading)
    return answer


def is_trashed(page: Page) -> bool:
    return bool(page.get("in_trash") or page.get("archived"))
