"""A client of the sandbox: what the simulated providers received, counted on their side."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote

from tests.acceptance.http import request

WITNESS = "Advent (do not delete)"
"""Title of the one row in Notion that belongs to no contact: it stores the generation of the store."""


class Sandbox:
    def __init__(self, url: str) -> None:
        self.url = url

    def inbox(self, address: str = "") -> list[dict[str, Any]]:
        """Return the accepted mails, oldest first: all of them, or those to one address."""
        mails: list[dict[str, Any]] = self._get(f"/inbox.json?to={quote(address)}")
        return mails

    def counts(self) -> dict[str, Any]:
        counted: dict[str, Any] = self._get("/counts.json")
        return counted

    def mails_by_key(self) -> dict[str, int]:
        by_key: dict[str, int] = self.counts()["mails_by_key"]
        return by_key

    def asked_to_send(self) -> int:
        """Return the number of requests to send a mail since the sandbox started, whatever their results."""
        return int(self.counts()["requests"].get("resend emails.send", 0))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the properties of each contact's row of `Email Sequence` or `BusinessX Canada`."""
        rows = [row["properties"] for row in self._get("/notion.json")[table] if not row["in_trash"]]
        return [row for row in rows if WITNESS not in row.values()]

    def set_faults(self, *rules: dict[str, Any]) -> None:
        self._put({"rules": list(rules)})

    def turn(self, **dials: Any) -> None:
        self._put({"dials": dials})

    def lift_rate_limits(self) -> None:
        """Accept requests as fast as they come; both providers' rate limits have tests of their own."""
        self.turn(resend_requests_per_second=10_000, notion_requests_per_minute=1_000_000)

    def _get(self, path: str) -> Any:
        # A sandbox that has just been killed gives an empty answer; the waiting test requests it again.
        try:
            answer = request("GET", self.url + path)
        except (OSError, http.client.HTTPException):
            return _NOTHING[path.partition("?")[0]]
        assert answer.status == 200, answer.body
        return answer.json

    def _put(self, settings: dict[str, Any]) -> None:
        answer = request("PUT", f"{self.url}/faults.json", json.dumps(settings).encode())
        assert answer.status == 200, answer.body


_NOTHING: dict[str, Any] = {
    "/inbox.json": [],
    "/counts.json": {"mails": 0, "mails_by_key": {}, "requests": {}, "answers": {}},
    "/notion.json": {"Email Sequence": [], "BusinessX Canada": []},
}
