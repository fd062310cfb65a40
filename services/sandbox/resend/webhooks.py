"""
Delivery events, posted to the gateway as Svix posts them for Resend: signed, and at least once.

An event is repeated after 5 s, 5 min, 30 min … until a 2xx response comes within 15 s, always with the same `svix-id`.
Dials add copies, a wrong order and wrong signatures.
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp
from standardwebhooks import Webhook

from common.clock import iso, utc_datetime
from common.observability.logs import get_logger
from services.sandbox.ids import new_id
from services.sandbox.resend.mails import AcceptedMail
from services.sandbox.state import Sandbox

RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
"""docs.svix.com/retries: the wait after each failure; after the last one the event is dropped."""

EVENTS = (
    "email.sent", "email.delivered", "email.delivery_delayed", "email.bounced", "email.complained", "email.suppressed",
    "email.failed",
)  # fmt: skip
"""The events to which the webhook subscribes, unless the dial `webhook_events` names others."""

RESPONSE_SECONDS_MAX = 15
WRONG_SECRET = "whsec_" + "d3JvbmctYnV0LXdlbGwtZm9ybWVkLXNlY3JldA=="
SECOND_MS = 1_000

log = get_logger(__name__)


class Webhooks:
    """The events that the gateway has not accepted yet, stored as rows so that a restart loses none."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def add(self, mail: AcceptedMail, event: str, detail: dict[str, Any], *, now_ms: int) -> None:
        dials = self._sandbox.dials
        if dials.webhook_events is not None and f"email.{event}" not in dials.webhook_events:
            return
        webhook_id, body = f"msg_{new_id().replace('-', '')}", json.dumps(_envelope(mail, event, detail, now_ms))
        for copy in range(dials.webhook_copies):
            # For the wrong order, `sent` waits longest, so that it arrives after the outcome.
            wait_ms = (SECOND_MS if event == "sent" else 0) if dials.webhook_shuffled else 0
            self._sandbox.disk.run(
                "INSERT INTO hooks (id, due_ms, attempts, body) VALUES (?, ?, 0, ?)",
                webhook_id,
                now_ms + wait_ms + copy,
                body,
            )

    def next_due_ms(self) -> int | None:
        row = self._sandbox.disk.row("SELECT min(due_ms) AS due_ms FROM hooks")
        return None if row is None else row["due_ms"]

    async def post_due(self, session: aiohttp.ClientSession) -> None:
        """Post the events that are due, one by one."""
        now_ms = self._sandbox.clock.now_ms()
        for row in self._sandbox.disk.rows(
            "SELECT * FROM hooks WHERE due_ms <= ? ORDER BY due_ms, seq LIMIT 100", now_ms
        ):
            if await self._post(session, row["id"], row["body"]):
                self._sandbox.disk.run("DELETE FROM hooks WHERE seq = ?", row["seq"])
            else:
                self._postpone(row["seq"], row["attempts"])

    async def _post(self, session: aiohttp.ClientSession, webhook_id: str, body: str) -> bool:
        try:
            answer = await session.post(
                self._sandbox.webhook_url,
                data=body.encode(),
                headers={
                    "content-type": "application/json",
                    "user-agent": "Svix-Webhooks/1.84",
                    **self._signature(webhook_id, body),
                },
                timeout=aiohttp.ClientTimeout(total=RESPONSE_SECONDS_MAX),
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as failure:
            log.warning("notification_failed", webhook_id=webhook_id, failure=type(failure).__name__)
            return False
        async with answer:
            if not answer.ok:
                log.warning("notification_failed", webhook_id=webhook_id, status=answer.status)
            return answer.ok

    def _signature(self, webhook_id: str, body: str) -> dict[str, str]:
        secret = self._sandbox.webhook_secret
        if secret is None:
            return {"svix-id": webhook_id}
        # The receiver compares with its own clock, so the sandbox's offset must not be applied.
        now = utc_datetime(self._sandbox.clock.base_ms())
        signer = Webhook(WRONG_SECRET if self._sandbox.dials.webhook_bad_signatures else secret)
        return {
            "svix-id": webhook_id,
            "svix-timestamp": str(int(now.timestamp())),
            "svix-signature": signer.sign(webhook_id, now, body),
        }

    def _postpone(self, seq: int, attempts: int) -> None:
        if attempts >= len(RETRY_SECONDS):
            self._sandbox.disk.run("DELETE FROM hooks WHERE seq = ?", seq)
            return
        due_ms = self._sandbox.clock.now_ms() + RETRY_SECONDS[attempts] * SECOND_MS
        self._sandbox.disk.run("UPDATE hooks SET attempts = attempts + 1, due_ms = ? WHERE seq = ?", due_ms, seq)


def _envelope(mail: AcceptedMail, event: str, detail: dict[str, Any], now_ms: int) -> dict[str, Any]:
    data: dict[str, Any] = {
        "created_at": mail.created_at.replace(" ", "T") + ":00",
        "email_id": mail.id,
        "from": mail.sender,
        "to": mail.to,
        "subject": mail.subject,
        "message_id": mail.message_id,
        **detail,
    }
    if mail.tags:
        data["tags"] = mail.tags
    if mail.headers:
        data["headers"] = [{"name": name, "value": value} for name, value in mail.headers.items()]
    return {"type": f"email.{event}", "created_at": iso(now_ms), "data": data}
