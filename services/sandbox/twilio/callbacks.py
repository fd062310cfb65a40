"""
Requests that Twilio posts to the gateway: statuses of an SMS, and SMS from phones, signed over the URL and the form.

Dials add copies, a wrong order and wrong signatures, as for mail. A status without a response below 500 is repeated up
to five times, as `#rc=5&rp=all` in the callback's URL requests.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator, Mapping

import aiohttp
from aiohttp import web

from common.observability.logs import get_logger
from services.sandbox.state import Sandbox
from services.sandbox.twilio.messages import Message, Messages

TRIES = 6
RESPONSE_SECONDS_MAX = 15

log = get_logger(__name__)


class Callbacks:
    """Posts statuses in the background while the application runs, and SMS from phones at once."""

    def __init__(self, sandbox: Sandbox, messages: Messages) -> None:
        self._sandbox, self._messages = sandbox, messages
        self._tasks: set[asyncio.Task[None]] = set()

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        yield
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def report(self, message: Message, statuses: list[tuple[str, int | None]]) -> None:
        """Store the statuses of an SMS, one after the other, and report each to its callback."""
        for status, error_code in statuses:
            self._messages.settle(message.sid, status, error_code)
        if not message.callback or not self._sandbox.dials.webhooks:
            return
        order = statuses[::-1] if self._sandbox.dials.webhook_shuffled else statuses
        forms = [self._status_form(message, *one) for one in order for _ in range(self._sandbox.dials.webhook_copies)]
        task = asyncio.create_task(self._post_all(message.callback.partition("#")[0], forms))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answer(self, message: Message) -> int | None:
        """Post an SMS from a phone. Return the gateway's status, or None when it does not respond."""
        form = {
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "AccountSid": self._sandbox.twilio_sid,
            "From": message.sender,
            "To": message.to,
            "Body": message.body,
            "NumMedia": "0",
        }
        return await self._post(f"{self._sandbox.public_url}/webhook/twilio", form)

    def _status_form(self, message: Message, status: str, error_code: int | None) -> dict[str, str]:
        form = {
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "AccountSid": self._sandbox.twilio_sid,
            "From": message.sender,
            "To": message.to,
            "ApiVersion": "2010-04-01",
        }
        return form if error_code is None else {**form, "ErrorCode": str(error_code)}

    async def _post_all(self, url: str, forms: list[dict[str, str]]) -> None:
        for form in forms:
            for _ in range(TRIES):
                status = await self._post(url, form)
                if status is not None and status < 500:
                    break

    async def _post(self, url: str, form: Mapping[str, str]) -> int | None:
        token = "wrong" if self._sandbox.dials.webhook_bad_signatures else self._sandbox.twilio_token
        headers = {"X-Twilio-Signature": signature(token, url, form), "I-Twilio-Idempotency-Token": "sandbox"}
        # The signature is for the public URL. The request goes to `gateway_url`, as the public URL may be unreachable.
        there = url.replace(self._sandbox.public_url, self._sandbox.gateway_url, 1)
        timeout = aiohttp.ClientTimeout(total=RESPONSE_SECONDS_MAX)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(there, data=dict(form), headers=headers) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError) as failure:
            log.warning("notification_failed", webhook_id=form["MessageSid"], failure=type(failure).__name__)
            return None


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """Return the signature of a form (twilio.com/docs/usage/webhooks/webhooks-security)."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()
