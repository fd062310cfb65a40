"""The JSON API does what the pages do, matches its description, and requires a token with the right role."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from jsonschema_rs import Draft202012Validator

from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger.console_jobs import JobKind
from common.settings.console_users import new_user
from services.console.api.openapi import OPERATIONS, describe
from services.console.app import ROUTES
from services.simulation.engine import Simulation
from tests.console.conftest import Answer, Console, OpenConsole

ADA = enrollment_id("christmas_2025", "ada@example.org")
JOB = "job_aaaaaaaaaaaaaaaa"
MIA, MIAS_TOKEN = new_user("mia", "full")
RON, RONS_TOKEN = new_user("ron", "read")


@pytest.fixture
async def team(open_console: OpenConsole, store_url: str, simulation: Simulation, ada: Assessment) -> Console:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    console = await open_console(store_url, is_versioned=True, console_users=f"{MIA.line},{RON.line}")
    await console.context.people.refresh()
    await simulation.ledger.console_jobs.request(
        JOB, JobKind.SEND_TEST, {"to": "sarah@businessx.example"}, by="mia", now_ms=simulation.clock.now_ms()
    )
    return console


async def call(console: Console, method: str, path: str, body: Any = None, *, token: str = MIAS_TOKEN) -> Answer:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    options = {} if body is None else {"json": body}
    return await console.request(method, path, headers=headers, **options)


def test_every_route_is_described_and_nothing_else() -> None:
    routes = {(one.method, one.path) for one in ROUTES if isinstance(one, web.RouteDef) and "/api/" in one.path}
    described = {(method.upper(), path) for path, each in describe()["paths"].items() for method in each}

    assert {(method.upper(), path) for method, path in routes} - described == {
        ("GET", "/api/overview"),
        ("GET", "/api/openapi.json"),
    }
    assert described <= {(method.upper(), path) for method, path in routes}


def fits(path: str, method: str, answer: Answer) -> bool:
    """Return whether a response matches the OpenAPI description."""
    described = describe()
    responses = described["paths"][path][method]["responses"]
    response = responses.get(str(answer.status), responses["default"])
    [(content_type, content)] = response["content"].items()
    schema = content["schema"] | {"components": described["components"]}
    is_type = answer.headers["Content-Type"].startswith(content_type)
    return is_type and Draft202012Validator(schema).is_valid(json.loads(answer.text))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method}-{one.path}")
@pytest.mark.parametrize("who", ["mia", "ron", "nobody"])
async def test_a_running_console_answers_as_described(team: Console, operation: Any, who: str) -> None:
    actions = {"people": "skip", "campaigns": "apply", "failed-jobs": "requeue", "held-signups": "release"}
    action = actions.get(operation.path.split("/")[2], "pause")
    path = operation.path.replace("{id}", JOB if "jobs" in operation.path else ADA)
    path = path.replace("{action}", action).replace("{name}", "christmas_2025")
    bodies = {
        "Decision": {"mail": "step-2"},
        "DeadLetterChoice": {"all": True},
        "ScopeChoice": {"scope": "everybody"},
        "TestMail": {"delivery": f"{ADA}/step-2", "to": "sarah@businessx.example"},
        "VersionChoice": {"from": "a" * 12, "to": "b" * 12},
        "UnreadBookingChoice": {"ids": ["unr_none"]},
        "FailedJobChoice": {"all": True},
        "HeldSignupChoice": {"all": True},
        "CallMarks": {"ids": ["bkg_none"], "mark": "no-show"},
    }
    body = bodies[operation.body.__name__] if operation.body else None

    tokens = {"mia": MIAS_TOKEN, "ron": RONS_TOKEN, "nobody": "a guess"}
    answer = await call(team, operation.method.upper(), path, body, token=tokens[who])

    reads, acts = {"mia": (200, 200), "ron": (200, 403), "nobody": (401, 401)}[who]
    assert answer.status == (reads if operation.method == "get" else acts)
    assert fits(operation.path, operation.method, answer), answer.text


async def test_people_and_their_mails_are_read(team: Console) -> None:
    people = json.loads((await call(team, "GET", "/api/people?q=ada")).text)
    person = json.loads((await call(team, "GET", f"/api/people/{ADA}")).text)

    assert [one["email"] for one in people["people"]] == ["ada@example.org"]
    assert [mail["mail"] for mail in person["mails"]] == [f"step-{n}" for n in range(1, 8)]
    assert [mail["to_come"] for mail in person["mails"]] == [False] + [True] * 6


async def test_api_action_returns_its_result_and_is_logged(team: Console) -> None:
    first = json.loads((await call(team, "POST", f"/api/people/{ADA}/skip", {"mail": "step-2"})).text)
    second = json.loads((await call(team, "POST", f"/api/people/{ADA}/skip", {"mail": "step-2"})).text)
    log = json.loads((await call(team, "GET", "/api/actions")).text)["actions"]

    assert (first["done"], first["answer"]) == (True, "done")
    assert (second["done"], second["answer"]) == (False, "already")
    assert [(one["by"], one["via"], one["what"], one["on"]) for one in log] == [
        ("mia", "api", "skip", [f"{ADA}/step-2"])
    ]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/api/people/{ADA}/dance", {}, 404),
        ("/api/people/enr_aaaaaaaaaaaaaaaa/skip", {}, 404),
        (f"/api/people/{ADA}/skip", {"letter": "step-2"}, 422),
        (f"/api/people/{ADA}/skip", [], 422),
        ("/api/dead-letters/replay", {}, 422),
        ("/api/dead-letters/replay", {"all": True, "reason": "x"}, 422),
        ("/api/schedule/pause", {"scope": "nobody"}, 422),
        ("/api/schedule/stop", {"scope": "everybody"}, 404),
        ("/api/failed-jobs/requeue", {}, 422),
        ("/api/failed-jobs/requeue", {"all": True, "actor": "send"}, 422),
        ("/api/failed-jobs/requeue", {"all": True, "queue": "nobodys"}, 422),
        ("/api/failed-jobs/requeue", {"error": "KeyError"}, 422),
        ("/api/failed-jobs/stop", {"all": True}, 404),
        ("/api/held-signups/release", {}, 422),
        ("/api/held-signups/release", {"ids": ["ada"]}, 422),
        ("/api/held-signups/stop", {"all": True}, 404),
        ("/api/unmarked-calls/mark", {"ids": ["bkg_x"], "mark": "absent"}, 422),
    ],
)
async def test_bad_api_input_is_refused_with_a_detail(team: Console, path: str, body: Any, status: int) -> None:
    answer = await call(team, "POST", path, body)

    assert answer.status == status
    assert json.loads(answer.text)["detail"]


async def test_session_cookie_cannot_act_through_the_api(team: Console) -> None:
    await team.log_in(MIAS_TOKEN)

    answer = await team.request("POST", f"/api/people/{ADA}/skip", json={"mail": "step-2"})

    assert answer.status == 403


async def test_the_description_is_served(team: Console) -> None:
    answer = await call(team, "GET", "/api/openapi.json")

    assert json.loads(answer.text) == describe()
