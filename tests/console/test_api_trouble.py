"""The JSON API settles failed jobs, held signups and unmarked calls, as the pages do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.domain.signup_bounds import SignupBounds
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.ledger import Ledger
from common.ledger.unmarked_calls import UnmarkedCall
from common.settings.console_users import new_user
from services.console import unmarked_calls
from services.console.api import trouble
from services.console.context import ConsoleContext
from services.console.unmarked_calls import ShownCall, show_call
from services.simulation.engine import Simulation
from tests.console.conftest import Console, OpenConsole
from tests.ledger.planned import write_unmarked_call

MIA, TOKEN = new_user("mia", "full")


@pytest.fixture
async def program(open_console: OpenConsole, store_url: str) -> Console:
    return await open_console(store_url, console_users=MIA.line)


async def call(console: Console, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    answer = await console.request(method, path, headers=headers, **({} if body is None else {"json": body}))
    assert answer.status == 200, answer.text
    return json.loads(answer.text)


async def logged(console: Console) -> list[tuple[str, str, str, int]]:
    found = await console.context.ledger.action_log.newest(ActionFilter())
    return [(one.by, one.via, one.what, len(one.on)) for one in found]


async def fail(store: Redis, queue: str, id: str, error: str) -> None:
    message = {"actor_name": queue, "args": [id], "options": {"traceback": f"Traceback\n{error}\n"}}
    await store.zadd(keys.QUEUE.dead(queue), {id: 1_000})
    await store.hset(keys.QUEUE.dead_messages(queue), id, json.dumps(message))


@pytest.fixture
async def failed(store: Redis) -> None:
    for queue, id, error in (("send", "a", "KeyError"), ("send", "b", "ValueError"), ("classify", "c", "KeyError")):
        await fail(store, queue, id, error)


@pytest.mark.usefixtures("failed")
async def test_failed_jobs_are_read_and_requeued_by_name(program: Console, store: Redis) -> None:
    found = await call(program, "GET", "/api/failed-jobs?queue=send")
    names = [{"queue": "send", "id": "a"}, {"queue": "send", "id": "gone"}]
    done = await call(program, "POST", "/api/failed-jobs/requeue", {"jobs": names})
    depths = {one["queue"]: (one["ready"], one["failed"]) for one in (await queues(program))}

    assert (found["total"], found["grouped"]) == (2, 2)
    assert {"actor": "send", "error": "ValueError", "number": 1} in found["groups"]
    assert {(one["id"], one["error"], one["args"][0]) for one in found["jobs"]} == {
        ("a", "KeyError", "a"),
        ("b", "ValueError", "b"),
    }
    assert done == {"requeued": 1, "deleted": 0, "gone": 1}
    assert (depths["send"], depths["classify"]) == ((1, 1), (0, 1))
    assert await logged(program) == [("mia", "api", "requeue job", 1)]


async def queues(console: Console) -> list[dict[str, Any]]:
    console.context.status_cache.invalidate()
    found: list[dict[str, Any]] = (await call(console, "GET", "/api/queues"))["queues"]
    return found


@pytest.mark.usefixtures("failed")
@pytest.mark.parametrize(
    ("choice", "number"),
    [
        ({"actor": "send"}, 2),
        ({"actor": "send", "error": "KeyError"}, 1),
        ({"all": True}, 3),
        ({"all": True, "queue": "send"}, 2),
    ],
)
async def test_many_failed_jobs_are_deleted_at_once(program: Console, choice: dict[str, Any], number: int) -> None:
    done = await call(program, "POST", "/api/failed-jobs/delete", choice)

    assert done == {"requeued": 0, "deleted": number, "gone": 0}
    assert (await call(program, "GET", "/api/failed-jobs"))["total"] == 3 - number


async def test_held_signups_are_read_released_and_discarded(
    program: Console, simulation: Simulation, ada: Assessment
) -> None:
    ledger = Ledger(
        simulation.ledger.client,
        campaign="christmas_2025",
        cadence=simulation.ledger.cadence,
        secret_key="k" * 32,
        signup_bounds=SignupBounds(per_source=1),
    )
    for name in ("ada", "ben", "cleo", "dora"):
        await ledger.signups.accept(
            replace(ada, email=f"{name}@example.org"),
            webhook_id=f"signup:{name}",
            received_ms=simulation.clock.now_ms(),
            visitor="v1",
        )
    ben = enrollment_id("christmas_2025", "ben@example.org")

    found = await call(program, "GET", "/api/held-signups")
    released = await call(program, "POST", "/api/held-signups/release", {"ids": [ben]})
    discarded = await call(program, "POST", "/api/held-signups/discard", {"visitor": "v1"})
    again = await call(program, "POST", "/api/held-signups/release", {"all": True})

    assert (found["total"], {one["visitor"] for one in found["signups"]}) == (3, {"v1"})
    assert [one["decided"] for one in (released, discarded, again)] == [1, 2, 0]
    assert await logged(program) == [("mia", "api", "signups discarded", 2), ("mia", "api", "signups released", 1)]


async def test_unmarked_calls_are_read_and_marked_once(program: Console, simulation: Simulation) -> None:
    guest = await write_unmarked_call(simulation.ledger, "ada", now_ms=simulation.clock.now_ms())

    found = await call(program, "GET", "/api/unmarked-calls")
    first = await call(program, "POST", "/api/unmarked-calls/mark", {"ids": [guest, "bkg_x"], "mark": "no-show"})
    again = await call(program, "POST", "/api/unmarked-calls/mark", {"ids": [guest], "mark": "completed"})

    assert (found["total"], found["calls"][0]["email"]) == (1, "ada@example.org")
    assert found["calls"][0]["effects"]["no-show"].startswith("Planned: follow-up missed")
    assert first == {"marked": 1, "before": 0, "unknown": 1}
    assert again == {"marked": 0, "before": 1, "unknown": 0}
    assert await logged(program) == [("mia", "api", "bookings mark", 1)]


async def test_unmarked_calls_are_read_concurrently_up_to_a_maximum(
    program: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("ada", "ben", "cleo")):
        await write_unmarked_call(simulation.ledger, name, now_ms=simulation.clock.now_ms() + number)
    both = asyncio.Barrier(2)

    async def show_together(context: ConsoleContext, call: UnmarkedCall) -> ShownCall:
        await both.wait()
        return await show_call(context, call)

    monkeypatch.setattr(trouble, "CALLS_MAX", 2)
    monkeypatch.setattr(unmarked_calls, "show_call", show_together)

    found = await asyncio.wait_for(call(program, "GET", "/api/unmarked-calls?limit=500"), 10)

    assert (found["total"], [one["email"] for one in found["calls"]]) == (3, ["ada@example.org", "ben@example.org"])
