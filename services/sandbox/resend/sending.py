"""
POST /emails and /emails/batch, with idempotency keys (resend.com/docs/dashboard/emails/idempotency-keys).

A key is stored for 24 hours. A request with the same key and payload gets the first response again and sends nothing.
With another payload it gets 409 `invalid_idempotent_request`. While the first request is in progress it gets 409
`concurrent_idempotent_requests`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiohttp import web

from services.sandbox.disk import Disk
from services.sandbox.ids import new_id
from services.sandbox.resend.delivery import Delivery
from services.sandbox.resend.errors import ResendProblem, invalid
from services.sandbox.resend.mails import Mails
from services.sandbox.resend.requests import read_json, scheduled_ms
from services.sandbox.resend.scheduler import Scheduler
from services.sandbox.resend.validation import check_mail
from services.sandbox.state import Sandbox
from services.sandbox.strict_json import canonical

BATCH_MAX = 100
REMEMBERED_MS = 24 * 3_600_000
KEY_LENGTH_MAX = 256
BODY_SHA256 = web.RequestKey("body_sha256", str)


@dataclass(frozen=True)
class Sending:
    """The handlers that accept mail."""

    sandbox: Sandbox
    mails: Mails
    delivery: Delivery
    scheduler: Scheduler

    @cached_property
    def _keys(self) -> IdempotencyKeys:
        return IdempotencyKeys(self.sandbox.disk)

    async def send(self, request: web.Request) -> web.Response:
        payload = await read_json(request)
        check_mail(payload, self.sandbox.dials)
        scheduled_ms(payload.get("scheduled_at"), now_ms=self.sandbox.clock.now_ms())
        return await self._once(request, payload, lambda: {"id": self._accept(request, payload, request[BODY_SHA256])})

    async def send_batch(self, request: web.Request) -> web.Response:
        mails = await read_json(request)
        if not isinstance(mails, list) or not 1 <= len(mails) <= BATCH_MAX:
            raise invalid(f"The batch must be an array of 1 to {BATCH_MAX} emails.")
        good, errors = self._check_batch(mails, is_strict=request.headers.get("x-batch-validation") != "permissive")

        def accept() -> dict[str, Any]:
            answer: dict[str, Any] = {
                "data": [{"id": self._accept(request, mail, request[BODY_SHA256])} for mail in good]
            }
            return {**answer, "errors": errors} if errors else answer

        return await self._once(request, mails, accept)

    def _check_batch(self, mails: list[Any], *, is_strict: bool) -> tuple[list[Any], list[dict[str, Any]]]:
        good, errors = [], []
        for index, mail in enumerate(mails):
            try:
                check_mail(mail, self.sandbox.dials)
                good.append(mail)
            except ResendProblem as problem:
                if is_strict:
                    raise
                errors.append({"index": index, "message": problem.message})
        return good, errors

    async def _once(self, request: web.Request, payload: Any, accept: Callable[[], Any]) -> web.Response:
        """Return the earlier response to this key. Without one, `accept` and save its response in one commit."""
        raw = await request.read()
        request[BODY_SHA256] = hashlib.sha256(raw).hexdigest()
        key, now_ms = request.headers.get("Idempotency-Key"), self.sandbox.clock.now_ms()
        _check_key(key)
        if key is not None:
            earlier = self._keys.find(key, request.path, payload, now_ms=now_ms)
            if earlier is not None:
                return web.json_response(earlier)
        with self.sandbox.disk.transaction():
            answer = accept()
            if key is not None:
                self._keys.save(key, request.path, payload, answer, now_ms=now_ms)
        self.delivery.settle_due()
        self.scheduler.wake()
        return web.json_response(answer)

    def _accept(self, request: web.Request, payload: dict[str, Any], sha256: str) -> str:
        now_ms = self.sandbox.clock.now_ms()
        mail = self.mails.add(
            mail_id=new_id(),
            now_ms=now_ms,
            payload=payload,
            key=request.headers.get("Idempotency-Key"),
            sha256=sha256,
            scheduled_ms=scheduled_ms(payload.get("scheduled_at"), now_ms=now_ms),
            request_headers={name: value for name, value in request.headers.items() if name.lower() != "authorization"},
        )
        self.delivery.plan(mail)
        return mail.id


class IdempotencyKeys:
    """The responses by idempotency key, stored as rows."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def find(self, key: str, path: str, payload: Any, *, now_ms: int) -> Any:
        """
        Return the earlier response to this key, or None for a new key.

        Raises ResendProblem (409) when the path or the payload differs.
        """
        row = self._disk.row("SELECT * FROM answers WHERE key = ? AND at_ms > ?", key, now_ms - REMEMBERED_MS)
        if row is None:
            return None
        if row["fingerprint"] != _fingerprint(path, payload):
            raise ResendProblem(409, "invalid_idempotent_request")
        return json.loads(row["body"])

    def save(self, key: str, path: str, payload: Any, answer: Any, *, now_ms: int) -> None:
        self._disk.run(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
            key,
            _fingerprint(path, payload),
            json.dumps(answer),
            now_ms,
        )


def _check_key(key: str | None) -> None:
    if key is not None and not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise ResendProblem(400, "invalid_idempotency_key")


def _fingerprint(path: str, payload: Any) -> str:
    return hashlib.sha256(f"{path}\n{canonical(payload)}".encode()).hexdigest()
