"""The imitated providers: which requests fail, and everything that they store."""

from __future__ import annotations

import json
from typing import Any

from tests.acceptance.http import request
from tests.acceptance.sandbox import Sandbox

_UNLIMITED = {
    "resend_requests_per_second": 100_000,
    "notion_requests_per_minute": 10_000_000,
    "notion_rows_max": 1_000_000,
}


class Provider(Sandbox):
    """The sandbox, queried with long timeouts: it is never killed, but it may be busy."""

    def set_faults(self, rules: list[dict[str, Any]], *, seed: int) -> None:
        """Apply these faults from now on, drawn from this seed, and lift all limits."""
        body = json.dumps({"rules": rules, "dials": {**_UNLIMITED, "seed": seed}}).encode()
        answer = request("PUT", f"{self.url}/faults.json", body, timeout_s=120)
        assert answer.status == 200, answer.body

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of both databases."""
        found: dict[str, list[dict[str, Any]]] = request("GET", f"{self.url}/notion.json", timeout_s=300).json
        return found

    def counts(self) -> dict[str, Any]:
        counted: dict[str, Any] = request("GET", f"{self.url}/counts.json", timeout_s=120).json
        return counted
