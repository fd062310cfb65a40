"""A simulation runs due jobs as a worker does: in order, one by one or concurrently, and none is lost."""

from __future__ import annotations

import pytest

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.enrollment import Status
from common.queue.layout import QueueLayout
from common.settings.settings import Settings
from services.simulation.engine import Simulation

SETTINGS = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
PEOPLE = [Assessment(email=f"person{number}@example.org", first_name="Ada", assessment_score=50) for number in range(5)]
DAY_MS = 86_400_000


@pytest.fixture
def simulated(store, campaign):
    """
    A function that plays five simultaneous signups and returns (time, address, step) of each accepted mail, in order.
    """

    async def simulated(**options: int) -> list[tuple[int, str, str]]:
        await store.flushall()
        simulation = Simulation(store, campaign, SETTINGS, clock=VirtualClock(), **options)
        for person in PEOPLE:
            await simulation.sign_up(person)
        await simulation.run()
        return [(ms, mail.to, mail.tags["step"]) for ms, mail in simulation.mailer.accepted_mails]

    return simulated


async def test_seed_repeats_a_run_exactly_and_decides_the_order_of_simultaneous_jobs(simulated):
    once = await simulated(seed=1)

    assert once == await simulated(seed=1)
    assert once != await simulated(seed=2)
    assert [ms for ms, _, _ in once] == sorted(ms for ms, _, _ in once)


async def test_jobs_that_run_concurrently_send_the_same_mails_at_the_same_times(simulated):
    one_by_one = await simulated()

    assert len(one_by_one) == 7 * len(PEOPLE)
    assert sorted(one_by_one) == sorted(await simulated(concurrency=8))


async def test_paused_queue_waits_in_a_simulation_and_the_other_queues_run(store, campaign, clock):
    simulation = Simulation(store, campaign, SETTINGS, clock=clock)
    await simulation.sign_up(PEOPLE[0])
    await store.sadd(QueueLayout().paused(), "send")
    await simulation.run()
    [row] = simulation.mirror.rows.values()
    assert (simulation.mailer.accepted_mails, row.status) == ([], Status.ACTIVE)

    await store.srem(QueueLayout().paused(), "send")
    await simulation.run()
    assert len(simulation.mailer.inbox_of(PEOPLE[0].email)) == 7


@pytest.mark.parametrize("concurrency", [1, 8])
async def test_actor_error_is_raised_and_the_jobs_fetched_with_it_run_in_the_next_call(
    store, campaign, clock, concurrency
):
    def fail_for_the_first(mail):
        if mail.to == PEOPLE[0].email:
            raise ZeroDivisionError

    simulation = Simulation(store, campaign, SETTINGS, clock=clock, concurrency=concurrency)
    simulation.mailer.failure = fail_for_the_first
    for person in PEOPLE:
        await simulation.sign_up(person)
    with pytest.raises(ZeroDivisionError):
        await simulation.run(until_ms=clock.now_ms() + 1_000)

    simulation.mailer.failure = lambda _mail: None
    await simulation.run()
    assert [len(simulation.mailer.inbox_of(person.email)) for person in PEOPLE] == [6, 7, 7, 7, 7]


async def test_simulation_reloads_scripts_that_the_store_lost(store, campaign, clock):
    simulation = Simulation(store, campaign, SETTINGS, clock=clock)
    await simulation.sign_up(PEOPLE[0])
    await simulation.run(until_ms=clock.now_ms() + DAY_MS // 2)

    await store.script_flush()
    await simulation.run()
    assert len(simulation.mailer.inbox_of(PEOPLE[0].email)) == 7
