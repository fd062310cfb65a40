"""Resend's SDK over our own connection pool, with its errors translated into failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import resend
from resend.exceptions import NoContentError, ResendError
from resend.http_client_async import AsyncHTTPClient

from common.clock import DateWitness
from common.errors import Failure, Misconfigured
from common.providers.http import DeadlineClient, checked_secret, measured, transport_failure, unanswered
from common.providers.resend.failures import failure_of


class ResendSdk:
    """
    One pool of connections to Resend, for one event loop.

    Paths are appended to `api_url`; a request ends after `timeout_s`. Raises ValueError if the key is malformed.
    """

    def __init__(
        self, api_key: str, api_url: str, timeout_s: float = 10, *, witness: DateWitness | None = None
    ) -> None:
        self._api_key = checked_secret("RESEND_API_KEY", api_key)
        self._api_url = api_url.rstrip("/")
        self._client = DeadlineClient(total_s=timeout_s, witness=witness)
        self._pool = _Pool(self._client)

    @contextmanager
    def request(self, *, reading: bool = False) -> Iterator[None]:
        """Measure one call of the SDK, and raise its errors as a `Failure`. `reading`: the call changes nothing."""
        # The SDK keeps key, address and client in module variables. It reads them before it first suspends, so it is
        # enough to set them before each call, even with two instances in one event loop.
        resend.api_key, resend.api_url = self._api_key, self._api_url
        resend.default_async_http_client = self._pool
        with measured("resend"):
            try:
                yield
            except ResendError as error:
                raise failure_of(error, reading=reading) from None
            except NoContentError:
                raise unanswered("unreadable_answer", status=200, reading=reading) from None

    async def close(self) -> None:
        await self._client.aclose()


def object_of(answer: Any, *members: str) -> dict[str, Any]:
    """Return the answer as the JSON object that it must be. Raises `Transient` if it is none or lacks a member."""
    if not isinstance(answer, dict) or not answer.keys() >= {*members}:
        raise unanswered("unreadable_answer", status=200, reading=True)
    return answer


def read_time_ms(text: str) -> int:
    """Return UTC ms for Resend's `2023-04-03 22:13:42.674981+00` (in lists) or ISO 8601 with `Z` (elsewhere)."""
    created = datetime.fromisoformat(text)
    return round((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp() * 1000)


class _Pool(AsyncHTTPClient):
    """The SDK's client interface over our pool. Its exceptions become the context of the SDK's own error."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: dict[str, object] | list[object] | None = None,
        files: dict[str, Any] | None = None,
        data: dict[str, str] | None = None,
    ) -> tuple[bytes, int, Mapping[str, str]]:
        reading = method.lower() == "get"
        try:
            answer = await self._client.request(method, url, headers=headers, json=None if reading else json)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise transport_failure(error, reading=reading) from error
        failure = _unusable(answer, reading=reading)
        if failure is not None:
            raise failure
        return answer.content, answer.status_code, answer.headers


def _unusable(answer: httpx.Response, *, reading: bool) -> Failure | None:
    """Return the failure for an answer that the SDK would report as a 500 or as a success; None for other answers."""
    status = answer.status_code
    if 300 <= status < 400:
        return Misconfigured(f"http_{status}", "Resend does not redirect: check RESEND_API_URL", status=status)
    if status < 300 and "application/json" not in answer.headers.get("content-type", ""):
        return unanswered("unreadable_answer", "a success that is not JSON", status=status, reading=reading)
    return None
