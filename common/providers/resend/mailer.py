"""Mail through Resend: the real SDK over our connection pool, its errors translated into failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import resend
from resend.exceptions import NoContentError, ResendError
from resend.http_client_async import AsyncHTTPClient

from common.domain.ids import normal_address
from common.domain.mail import AcceptedMail, Mail
from common.errors import Failure, Misconfigured
from common.providers.budget import Budget, Unlimited
from common.providers.http import DeadlineClient, checked_secret, measured, transport_failure, unanswered
from common.providers.protocols import Mailer
from common.providers.resend.failures import failure_of
from common.providers.resend.sent_list import Listing, Page

PAGE = 100


class ResendMailer(Mailer):
    """
    One pool of connections to Resend, for one event loop.

    `/emails` is appended to `api_url`; a request ends after `timeout_s`. Raises ValueError when the key cannot be one.
    """

    def __init__(self, api_key: str, api_url: str, timeout_s: float = 10) -> None:
        self._api_key = checked_secret("RESEND_API_KEY", api_key)
        self._api_url = api_url.rstrip("/")
        self._client = DeadlineClient(total_s=timeout_s)
        self._pool = _Pool(self._client)
        self._listing = Listing(self._page)

    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        """Send one mail, the same bytes for the same mail; returns Resend's id of it. Raises a `Failure`."""
        with measured("resend"), self._sdk():
            answer: Any = await resend.Emails.send_async(
                parameters(mail),  # type: ignore[arg-type]  # a TypedDict with a key "from"
                {"idempotency_key": idempotency_key},
            )
            if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
                raise unanswered("answer_without_id", status=200)
            return str(answer["id"])

    async def list_accepted(self, to: str, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """What Resend accepted for an address since a time, newest first. See `list_all_accepted`."""
        address = normal_address(to)
        return [mail for mail in await self.list_all_accepted(since_ms, budget=budget) if address in mail.to]

    async def list_all_accepted(self, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """
        What Resend accepted for all addresses since a time, newest first. A key that may only send cannot list.

        The API has no filter (openapi, GET /emails): the whole list is read back to that time, and kept. Raises a
        `Failure`, also the budget's `Throttled`.
        """
        return await self._listing.since(since_ms, budget=budget or Unlimited())

    async def close(self) -> None:
        await self._client.aclose()

    async def _page(self, after: str | None) -> Page:
        with measured("resend"), self._sdk(reading=True):
            listing: Any = {"limit": PAGE} | ({"after": after} if after else {})
            answer: Any = await resend.Emails.list_async(listing)
            if not isinstance(answer, dict):
                raise unanswered("unreadable_answer", status=200, reading=True)
            mails = [_accepted(row) for row in answer.get("data", [])]
            return Page(mails, has_more=bool(answer.get("has_more")))

    @contextmanager
    def _sdk(self, *, reading: bool = False) -> Iterator[None]:
        # The SDK keeps key, address and client in its module. It reads them before it first suspends, so setting them
        # at each call is enough for two mailers in one loop.
        resend.api_key, resend.api_url = self._api_key, self._api_url
        resend.default_async_http_client = self._pool
        try:
            yield
        except ResendError as error:
            raise failure_of(error, reading=reading) from None
        except NoContentError:
            raise unanswered("unreadable_answer", status=200, reading=reading) from None


def parameters(mail: Mail) -> dict[str, Any]:
    """The body of POST /emails; headers and tags are sorted, so that the same mail is the same bytes."""
    return {
        "from": mail.sender,
        "to": [mail.to],
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        **({"reply_to": mail.reply_to} if mail.reply_to else {}),
        "headers": dict(sorted(mail.headers.items())),
        "tags": [{"name": name, "value": value} for name, value in sorted(mail.tags.items())],
    }


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


def _accepted(row: dict[str, Any]) -> AcceptedMail:
    to = row.get("to") or []
    return AcceptedMail(
        id=str(row["id"]),
        to=tuple(normal_address(address) for address in ([to] if isinstance(to, str) else to)),
        subject=str(row.get("subject") or ""),
        created_ms=_created_ms(str(row["created_at"])),
        last_event=str(row.get("last_event") or ""),
        sender=str(row.get("from") or ""),
    )


def _created_ms(text: str) -> int:
    """Resend writes `2023-04-03 22:13:42.674981+00` in lists and ISO 8601 with `Z` elsewhere."""
    created = datetime.fromisoformat(text)
    return round((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp() * 1000)
