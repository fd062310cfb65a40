"""A worker that finds its store empty reads Notion first, and fetches jobs also when Notion does not answer."""

from __future__ import annotations

import asyncio

import pytest
import redis

from actors.upkeep import bootstrap
from actors.upkeep.bootstrap import Bootstrap
from common.background import BackgroundTasks
from common.domain.ids import enrollment_id
from common.ledger import keys, rebuild_state
from common.ledger.ledger import Ledger
from tests.rebuild.conftest import Installation

STEPS = [f"step-{step}" for step in range(1, 8)]


@pytest.fixture
async def start_worker(installation: Installation):
    """A function that starts a worker and returns when the worker may fetch jobs."""
    started: list[Bootstrap] = []

    async def start_worker(worker: str = "w1", *, is_testing: bool = False) -> Bootstrap:
        from dataclasses import replace

        settings = installation.settings.model_copy(update={"testing_mode": is_testing})
        first = Bootstrap(replace(installation.world, worker=worker, settings=settings), sleep=_briefly)
        started.append(first)
        await first.before_work()
        return first

    yield start_worker
    for first in started:
        await first.stop()


async def _briefly(_seconds: float) -> None:
    await asyncio.sleep(0.01)


async def state(installation: Installation) -> str:
    return ((await installation.store.get(keys.REBUILT)) or b"").decode().split(" ")[0]


async def test_an_empty_store_is_filled_before_the_first_job(installation: Installation, ada, start_worker):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()

    await start_worker()

    assert await state(installation) == "done"
    assert sorted((await installation.record(ada)).records) == [1, 2, 3]
    await installation.until(300)
    assert await installation.inbox(ada) == STEPS


async def test_store_with_contacts_is_not_rebuilt_at_the_start(installation: Installation, ada, start_worker):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    asked = await installation.ask("GET", "/counts.json")

    await start_worker()

    assert await state(installation) == "never"
    assert asked["requests"] == (await installation.ask("GET", "/counts.json"))["requests"]


async def test_signup_before_the_first_worker_does_not_prevent_the_rebuild_of_an_empty_store(
    installation, ada, start_worker
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.simulation.sign_up(ada)

    await start_worker()
    await installation.until(300)

    assert await state(installation) == "done"
    assert await installation.inbox(ada) == STEPS


async def test_a_rehearsal_leaves_the_rows_of_those_alone_who_do_not_sign_up_in_it(
    installation: Installation, ada, boris, start_worker
):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    [hers] = await installation.rows()
    installation.settings = installation.settings.model_copy(update={"testing_mode": True})
    await installation.loses_its_store()

    await start_worker(is_testing=True)
    await installation.simulation.sign_up(boris)
    await installation.until(80)

    rows = {row["Email"]: row for row in await installation.rows()}
    assert {ada.email, boris.email} == {*rows}
    assert hers == rows[ada.email]
    assert await state(installation) == ""
    assert await installation.record(ada) is None


async def test_worker_with_a_pending_rebuild_stops_although_the_store_is_away(
    installation, ada, start_worker, monkeypatch
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})
    first = await start_worker()

    async def away(*_args: object, **_options: object) -> None:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(redis.asyncio.Redis, "execute_command", away)
    await asyncio.wait_for(first.stop(), 5)
    monkeypatch.undo()


async def test_worker_starts_while_notion_is_down_and_merges_its_rows_later(
    installation: Installation, ada, start_worker
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})

    await start_worker()

    assert await state(installation) == "owed"
    await installation.calm()
    async with asyncio.timeout(60):
        while await state(installation) != "done":
            await asyncio.sleep(0.01)
    assert enrollment_id("christmas_2025", ada.email) == (await installation.record(ada)).id
    await installation.until(300)
    assert await installation.inbox(ada) == STEPS


async def test_one_of_two_starting_workers_reads_notion_and_the_other_waits(
    installation: Installation, ada, start_worker
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    before = (await installation.ask("GET", "/counts.json"))["requests"].get("notion data_sources.query", 0)

    await asyncio.gather(start_worker("w1"), start_worker("w2"))

    after = (await installation.ask("GET", "/counts.json"))["requests"]["notion data_sources.query"]
    assert after == before + 1
    assert sorted((await installation.record(ada)).records) == [1, 2, 3]


async def test_worker_that_takes_the_lease_after_notion_was_read_does_not_read_it_again(
    installation: Installation, ada, start_worker, monkeypatch
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await start_worker("w1")
    before = await installation.ask("GET", "/counts.json")
    answers = [True]  # The answer from just before the first worker finished.

    async def is_owed(ledger: Ledger, *, now_ms: int) -> bool:
        return answers.pop() if answers else await rebuild_state.is_owed(ledger, now_ms=now_ms)

    monkeypatch.setattr(bootstrap, "is_owed", is_owed)
    await start_worker("w2")

    assert (await installation.ask("GET", "/counts.json"))["requests"] == before["requests"]
    assert await installation.store.get(keys.REBUILDING) is None


async def test_rebuild_of_a_dead_worker_is_taken_over(installation: Installation, ada, start_worker):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.store.set(keys.REBUILDING, "dead reading", px=50)

    await start_worker()

    assert await state(installation) == "done"
    assert await installation.record(ada) is not None


@pytest.fixture
async def looking():
    """A function that lets a worker watch the store until the test ends."""
    tasks = BackgroundTasks()
    yield lambda first: tasks.start([first.watch_store()])
    await tasks.stop()


async def until_read(installation: Installation) -> None:
    async with asyncio.timeout(60):
        while await state(installation) != "done":
            await asyncio.sleep(0.01)


async def test_store_emptied_under_running_workers_is_filled_again(
    installation: Installation, ada, boris, start_worker, looking
):
    looking(await start_worker())
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.simulation.sign_up(boris)
    await installation.until(80)

    await until_read(installation)
    await installation.until(400)

    assert await installation.inbox(ada) == STEPS
    assert await installation.inbox(boris) == STEPS


async def test_rebuild_left_by_a_stopped_worker_is_done_by_another(
    installation: Installation, ada, start_worker, looking
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})
    reader, other = await start_worker("w1"), await start_worker("w2")
    looking(other)
    await reader.stop()
    await installation.calm()

    await until_read(installation)

    assert sorted((await installation.record(ada)).records) == [1, 2, 3]


async def test_emptied_store_in_testing_mode_stays_empty(installation: Installation, ada, start_worker):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    first = await start_worker(is_testing=True)
    await installation.loses_its_store()

    await first.watch_store()

    assert await state(installation) == ""
