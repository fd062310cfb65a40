"""
Resend's idempotency keys (resend.com/docs/dashboard/emails/idempotency-keys), remembered for 24 hours.

The same key with the same payload gets the first response again and sends nothing; with another payload 409
`invalid_idempotent_request`; while the first request is in progress 409 `concurrent_idempotent_requests`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from services.sandbox.disk import Disk
from services.sandbox.resend.errors import ResendProblem
from services.sandbox.strict_json import canonical

REMEMBERED_MS = 24 * 3_600_000
KEY_LENGTH_MAX = 256


class IdempotencyKeys:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def find(self, key: str, path: str, payload: Any, *, now_ms: int) -> Any:
        """The earlier response to this key, or None for a new key. Raises the 409 when the payload differs."""
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


def check_key(key: str | None) -> None:
    if key is not None and not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise ResendProblem(400, "invalid_idempotency_key")


def _fingerprint(path: str, payload: Any) -> str:
    return hashlib.sha256(f"{path}\n{canonical(payload)}".encode()).hexdigest()
