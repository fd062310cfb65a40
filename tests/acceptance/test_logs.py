"""The logs show what happened to Ada, but not who she is."""

from __future__ import annotations

from tests.acceptance.http import request
from tests.acceptance.place import SECRETS, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import Website, person

ADA = person("Adalovelace", phone="+14165550123", weakest_system_1="A very personal weakness")
STRANGERS_SECRET = "whsec_bm90IG91cnMsIG5vdCBvdXJz"


def test_log_lines_are_json_share_one_id_across_processes_and_have_no_personal_data(place: Place) -> None:
    processes = place.serve_all(NOTION_REQUESTS_PER_MINUTE="100000")
    place.sandbox.lift_rate_limits()
    place.sandbox.set_faults(
        {"provider": "resend", "kind": "status", "status": 500, "count": 1},
        {"provider": "notion", "operation": "pages.*", "kind": "drop", "count": 1},
        {"provider": "resend", "kind": "status", "status": 422, "count": 1, "contains": "step-3"},
    )

    answer = place.website.post(ADA, "msg_1")
    _knock_wrongly(place)
    eventually(lambda: len(place.sandbox.inbox()) >= 4, "four mails")
    for process in processes:
        process.stop()

    identity = answer.json["enrollment_id"]
    followed = [{line.get("event") for line in _about(identity, process.logs())} for process in processes]
    _, gateway, worker = followed
    assert "request_answered" in gateway
    assert {"enrollment_active", "delivery_accepted"} <= worker
    assert all({"event", "level", "service", "timestamp"} <= line.keys() for p in processes for line in p.logs())
    said = "".join(process.stdout + process.stderr for process in processes).lower()
    for secret in (*SECRETS.values(), "adalovelace", "people.example", "14165550123", "personal weakness"):
        assert secret.lower() not in said


def test_bad_requests_of_strangers_are_not_logged_as_errors(place: Place) -> None:
    _, gateway, _ = place.serve_all()

    statuses = _knock_wrongly(place)
    gateway.stop()

    assert {400, 401, 405, 415, 422} >= set(statuses)
    assert not [line for line in gateway.logs() if line["level"] in ("error", "critical")]


def _knock_wrongly(place: Place) -> list[int]:
    url = place.website.url
    return [
        Website(place.gateway_url, STRANGERS_SECRET).post(ADA, "msg_2").status,
        place.website.post({**ADA, "assessment_score": 101}, "msg_3").status,
        place.website.post({**ADA, "email": "adalovelace at people.example"}, "msg_4").status,
        request("POST", url, b"\xff\xfe not JSON", {"content-type": "application/json"}).status,
        request("POST", url, b"email=adalovelace@people.example", {"content-type": "text/plain"}).status,
        request("GET", url).status,
    ]


def _about(identity: str, lines: list[dict[str, object]]) -> list[dict[str, object]]:
    return [line for line in lines if line.get("enrollment_id") == identity]
