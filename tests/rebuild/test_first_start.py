"""A worker that finds its store empty reads Notion first, and fetches jobs also when Notion does not answer."""

from __future__ import annotations

import asyncio

import pytest
import redis

from actors.upkeep.bootstrap import Bootstrap
from common.background import BackgroundTasks
from common.domain.ids import enrollment_id
from common.ledger import keys
from tests.rebuild.conftest import Installation

STEPS = [f"step-{step}" for step in range(1, 8)]


@pytest.fixture
async def starts(installation: Installation):
    """A function that starts a worker and returns when the worker may fetch jobs."""
    started: list[Bootstrap] = []

    async def starts(worker: str = "w1", *, is_testing: bool = False) -> Bootstrap:
        from dataclasses import replace

        settings = installation.settings.model_copy(update={"testing_mode": is_testing})
        first = Bootstrap(replace(installation.world, worker=worker, settings=settings), sleep=_briefly)
        started.append(first)
        await first.before_work()
        return first

    yield starts
    for first in started:
        await first.stop()


async def _briefly(_seconds: float) -> None:
    await asyncio.sleep(0.01)


async def state(installation: Installation) -> str:
    return ((await installation.store.get(keys.REBUILT)) or b"").decode().split(" ")[0]


async def test_an_empty_store_is_filled_before_the_first_job(installation: Installation, ada, starts):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()

    await starts()

    assert await state(installation) == "done"
    assert sorted((await installation.record(ada)).records) == [1, 2, 3]
    await installation.until(300)
    assert await installation.inbox(ada) == STEPS


async def test_a_store_that_has_its_people_is_left_alone(installation: Installation, ada, starts):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    asked = await installation.ask("GET", "/counts.json")

    await starts()

    assert await state(installation) == "never"
    assert asked["requests"] == (await installation.ask("GET", "/counts.json"))["requests"]


async def test_a_signup_that_came_before_the_first_worker_does_not_hide_that_the_store_is_empty(
    installation, ada, starts
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.simulation.sign_up(ada)

    await starts()
    await installation.until(300)

    assert await state(installation) == "done"
    assert await installation.inbox(ada) == STEPS


async def test_a_rehearsal_leaves_the_rows_of_those_alone_who_do_not_sign_up_in_it(
    installation: Installation, ada, boris, starts
):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    [hers] = await installation.rows()
    installation.settings = installation.settings.model_copy(update={"testing_mode": True})
    await installation.loses_its_store()

    await starts(is_testing=True)
    await installation.simulation.sign_up(boris)
    await installation.until(80)

    rows = {row["Email"]: row for row in await installation.rows()}
    assert {ada.email, boris.email} == {*rows}
    assert hers == rows[ada.email]
    assert await state(installation) == ""
    assert await installation.record(ada) is None


async def test_a_worker_that_was_to_read_notion_ends_although_the_store_is_away(installation, ada, starts, monkeypatch):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})
    first = await starts()

    async def away(*_args: object, **_options: object) -> None:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(redis.asyncio.Redis, "execute_command", away)
    await asyncio.wait_for(first.stop(), 5)
    monkeypatch.undo()


async def test_while_notion_is_away_signups_are_taken_and_its_rows_are_merged_later(
    installation: Installation, ada, starts
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})

    await starts()

    assert await state(installation) == "owed"
    await installation.calm()
    async with asyncio.timeout(60):
        while await state(installation) != "done":
            await asyncio.sleep(0.01)
    assert enrollment_id("christmas_2025", ada.email) == (await installation.record(ada)).id
    await installation.until(300)
    assert await installation.inbox(ada) == STEPS


async def test_of_two_workers_one_reads_and_the_other_waits_for_it(installation: Installation, ada, starts):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    before = (await installation.ask("GET", "/counts.json"))["requests"].get("notion data_sources.query", 0)

    await asyncio.gather(starts("w1"), starts("w2"))

    after = (await installation.ask("GET", "/counts.json"))["requests"]["notion data_sources.query"]
    assert after == before + 1
    assert sorted((await installation.record(ada)).records) == [1, 2, 3]


async def test_the_one_who_died_over_it_is_succeeded(installation: Installation, ada, starts):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.store.set(keys.REBUILDING, "dead reading", px=50)

    await starts()

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


async def test_a_store_that_is_emptied_under_the_workers_is_filled_again(
    installation: Installation, ada, boris, starts, looking
):
    looking(await starts())
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.simulation.sign_up(boris)
    await installation.until(80)

    await until_read(installation)
    await installation.until(400)

    assert await installation.inbox(ada) == STEPS
    assert await installation.inbox(boris) == STEPS


async def test_what_a_worker_that_ended_had_left_unread_is_read_by_another(
    installation: Installation, ada, starts, looking
):
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})
    reader, other = await starts("w1"), await starts("w2")
    looking(other)
    await reader.stop()
    await installation.calm()

    await until_read(installation)

    assert sorted((await installation.record(ada)).records) == [1, 2, 3]


async def test_a_rehearsals_store_that_is_emptied_stays_empty(installation: Installation, ada, starts):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    first = await starts(is_testing=True)
    await installation.loses_its_store()

    await first.watch_store()

    assert await state(installation) == ""
