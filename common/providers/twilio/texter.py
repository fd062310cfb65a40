"""
SMS through Twilio: sending and listing.

It uses our own connection pool, not Twilio's SDK, which accepts no base address and has no deadline: `POST` and `GET
/2010-04-01/Accounts/{sid}/Messages.json` (twilio.com/docs/messaging/api/message-resource).
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx

from common.clock import Clock
from common.domain.sms import AcceptedSms, Sms
from common.errors import Permanent
from common.providers.budget import Budget, Unlimited
from common.providers.http import (
    DeadlineClient,
    checked_secret,
    list_of,
    measured,
    readable_rows,
    transport_failure,
    unanswered,
)
from common.providers.twilio.failures import failure_of

PAGE = 100
PAGES_MAX = 200
VALIDITY_MAX_S = 36_000
"""The longest `ValidityPeriod`; the shortest is 1 s."""

_CALLBACK_RETRIES = "#rc=5&rp=all"
"""
Has Twilio retry a failed callback, five times at most. Twilio reads it from the URL's fragment, which it neither sends
nor signs (twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
"""


class TwilioTexter:
    """One connection pool, for one event loop. Raises ValueError if sid or token is malformed."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        api_url: str,
        callback_url: str,
        clock: Clock,
        timeout_s: float = 10,
    ) -> None:
        sid = checked_secret("TWILIO_ACCOUNT_SID", account_sid)
        self._api_url = api_url.rstrip("/")
        self._url = f"{self._api_url}/2010-04-01/Accounts/{sid}/Messages.json"
        self._auth = httpx.BasicAuth(sid, checked_secret("TWILIO_AUTH_TOKEN", auth_token))
        self._sender = {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}
        self._callback_url, self._clock = callback_url, clock
        self._client = DeadlineClient(total_s=timeout_s)

    async def send(self, text: Sms) -> str:
        """Send one SMS, without any retry. Return Twilio's sid of it. Raises a `Failure`."""
        seconds = (text.valid_until_ms - self._clock.now_ms()) // 1000
        form = {
            **self._sender,
            "To": text.to,
            "Body": text.body,
            "ValidityPeriod": str(min(max(seconds, 1), VALIDITY_MAX_S)),
            # Nothing is escaped unnecessarily: a client that rewrites the URL would break the signature.
            "StatusCallback": f"{self._callback_url}?{urlencode(text.reference, safe='/')}{_CALLBACK_RETRIES}",
        }
        with measured("twilio"):
            answer = await self._request("POST", self._url, data=form)
            if not isinstance(answer.get("sid"), str):
                raise unanswered("answer_without_id", status=200)
            return str(answer["sid"])

    async def list_accepted(
        self, since_ms: int, *, to: str | None = None, budget: Budget | None = None
    ) -> list[AcceptedSms]:
        """
        Return the SMS that Twilio accepted since a time, newest first. `to`: only those to this number.

        Twilio's filter by day of sending is not used, because it omits SMS that are still queued. Raises a `Failure`.
        """
        query = {"PageSize": str(PAGE)} | ({"To": to} if to else {})
        url, found = f"{self._url}?{urlencode(query)}", list[AcceptedSms]()
        for _ in range(PAGES_MAX):
            await (budget or Unlimited()).take()
            with measured("twilio"):
                answer = await self._request("GET", url)
                listed = list_of(answer, "messages")
                with readable_rows():
                    rows = [_accepted(row) for row in listed if not _is_inbound(row)]
            found += [text for text in rows if text.created_ms >= since_ms]
            following = answer.get("next_page_uri")
            if not following or any(text.created_ms < since_ms for text in rows):
                return found
            url = urljoin(self._url, self._path_of(str(following)))
        # A truncated list is refused, because an SMS that it does not show may have been accepted.
        raise Permanent("list_too_long", f"more than {PAGES_MAX * PAGE} SMS since then")

    async def close(self) -> None:
        await self._client.aclose()

    def _path_of(self, uri: str) -> str:
        """Return the next page's path. Twilio names it without the path that TWILIO_API_URL may have."""
        prefix = httpx.URL(self._api_url).path.rstrip("/")
        return uri if uri.startswith(f"{prefix}/") else f"{prefix}{uri}"

    async def _request(self, method: str, url: str, *, data: dict[str, str] | None = None) -> dict[str, Any]:
        reading = method == "GET"
        try:
            answer = await self._client.request(method, url, data=data, auth=self._auth)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise transport_failure(error, reading=reading) from None
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not 200 <= answer.status_code < 300:
            raise failure_of(answer.status_code, body, answer.headers, reading=reading)
        if not isinstance(body, dict):
            raise unanswered("unreadable_answer", "a success that is not JSON", status=200, reading=reading)
        return body


def _is_inbound(row: dict[str, Any]) -> bool:
    return str(row.get("direction", "")).startswith("inbound")


def _accepted(row: dict[str, Any]) -> AcceptedSms:
    created = parsedate_to_datetime(str(row["date_created"]))
    return AcceptedSms(
        id=str(row["sid"]),
        to=str(row.get("to") or ""),
        body=str(row.get("body") or ""),
        created_ms=round(created.timestamp() * 1000),
    )
