"""The access log: one line a request, with ids and no personal data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.conftest import OpenGateway, person
from tests.gateway.test_unsubscribe import DUNYA, link


@pytest.mark.usefixtures("json_logs")
async def test_a_request_is_logged_without_personal_data(
    open_gateway: OpenGateway, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = await open_gateway(store_url)
    accepted = await gateway.sign_up(person("dunya"))
    await gateway.sign_up(person("dunya", assessment_score=101))
    await gateway.request("POST", link())
    await gateway.request("GET", link()[:-1])
    await gateway.request("POST", f"/nowhere/{DUNYA}")
    await gateway.request("GET", "/health")

    said = capsys.readouterr().err
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    seen = [(line["route"], line["status"], line["outcome"], line["level"]) for line in lines]
    assert seen == [
        ("/webhook/christmas-signup", 202, "accepted", "info"),
        ("/webhook/christmas-signup", 422, "invalid", "info"),
        ("/unsubscribe/{token}", 200, "accepted", "info"),
        ("/unsubscribe/{token}", 404, "refused", "info"),
        ("none", 404, "refused", "info"),
    ]
    assert lines[0]["enrollment_id"] == lines[2]["enrollment_id"] == accepted.json["enrollment_id"]
    assert lines[0]["request_id"] == accepted.headers["X-Request-Id"]
    assert "dunya" not in said.lower()
    assert link().rpartition(".")[2] not in said
