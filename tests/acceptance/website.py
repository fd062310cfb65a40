"""A stand-in for the website: signs signups as Standard Webhooks defines, and posts them until it has an answer."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from tests.acceptance.http import Answer, request


class Website:
    def __init__(self, gateway_url: str, secret: str) -> None:
        self.url = f"{gateway_url}/webhook/christmas-signup"
        self._webhook = Webhook(secret)

    def post(self, person: dict[str, Any], webhook_id: str, *, patience_s: float = 0) -> Answer:
        """
        Post once, and return the answer.

        Within `patience_s`, post again under the same id while there is no answer or a 5xx, as a good sender does.
        Raises OSError or http.client.HTTPException if there is no answer.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                answer = self._post(person, webhook_id)
                if answer.status < 500 or time.monotonic() > deadline:
                    return answer
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def post_all(self, signups: list[tuple[dict[str, Any], str]], *, at_once: int, patience_s: float) -> list[Answer]:
        """Post signups (person, webhook id), `at_once` of them at a time. Return the answers in the same order."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda signup: self.post(*signup, patience_s=patience_s), signups))

    def _post(self, person: dict[str, Any], webhook_id: str) -> Answer:
        body = json.dumps(person)
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(webhook_id, now, body),
        }
        return request("POST", self.url, body.encode(), headers)


def person(name: str = "Ada", **given: Any) -> dict[str, Any]:
    """Return the payload of a finished assessment; the address is made from the name."""
    return {
        "email": f"{name.lower()}@people.example",
        "first_name": name,
        "business_name": f"Salon {name}",
        "assessment_score": 42,
        "red_systems": 1,
        "orange_systems": 2,
        "yellow_systems": 3,
        "green_systems": 2,
        "weakest_system_1": "GPS",
        "weakest_system_2": "FUEL",
        "revenue_leak_total": 14_500,
        "timezone": "America/Toronto",
        **given,
    }
