"""The SDK of Resend over a connection pool of ours, its errors translated into failures."""

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

    Paths are appended to `api_url`; a request ends after `timeout_s`. Raises ValueError when the key cannot be one.
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
        """Around one call of the SDK, which is measured. `reading`: it changes nothing. Raises a `Failure`."""
        # The SDK keeps key, address and client in its module. It reads them before it first suspends, so setting them
        # at each call is enough for two of these in one loop.
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


def object_of(answer: Any) -> dict[str, Any]:
    """The answer of a list, or of one mail. Raises a `Failure` when it is none."""
    if not isinstance(answer, dict):
        raise unanswered("unreadable_answer", status=200, reading=True)
    return answer


def read_time_ms(text: str) -> int:
    """Resend writes `2023-04-03 22:13:42.674981+00` in lists and ISO 8601 with `Z` elsewhere."""
    created = datetime.fromisoformat(text)
    return round((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp() * 1000)


class _Pool(AsyncHTTPClient):
    """The SDK's client interface over our pool; what it raises becomes the context of the SDK's own error."""

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
    """The failure for an answer that the SDK would report as a 500 or take for a success."""
    status = answer.status_code
    if 300 <= status < 400:
        return Misconfigured(f"http_{status}", "Resend does not redirect: check RESEND_API_URL", status=status)
    if status < 300 and "application/json" not in answer.headers.get("content-type", ""):
        return unanswered("unreadable_answer", "a success that is not JSON", status=status, reading=reading)
    return None
