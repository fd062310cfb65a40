"""Contacts forgotten at the console are on Resend's own list too; then nothing in the store has their address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import redis
from structlog.testing import CapturingLogger

from actors.console_jobs import console_job
from common.domain.ids import enrollment_id
from common.errors import Ambiguous, Permanent, Throttled, Transient
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.console_jobs import FORGET_LIFE_MS, ConsoleJob, new_job_id
from common.ledger.contacts import Contacts, ForgetJob, Traces
from common.providers.budget import StoreBudget, Unlimited
from common.providers.resend.suppression_list import ResendSuppressionList
from common.settings.settings import Settings
from services.sandbox.ids import API_KEY, SENDING_KEY
from services.simulation.engine import Simulation
from tests.ledger_reads import content
from tests.sandbox.running import RunningSandbox, running

MINUTE_MS = 60_000
ADA, DOTTED = "ada.l@gmail.com", "adal@gmail.com"
WHO = enrollment_id("christmas_2025", DOTTED)
BY_HAND = "add each spelling of the address to Resend's list by hand, or run `advent forget ADDRESS --yes` for each"


@pytest.fixture
async def resend(clock) -> AsyncIterator[RunningSandbox]:
    async with running(clock=clock) as started:
        yield started


@pytest.fixture
async def with_list(simulation: Simulation, resend: RunningSandbox, ada) -> AsyncIterator[Simulation]:
    """A simulation whose worker can change Resend's list over HTTP, and in which Ada signed up."""
    of = ResendSuppressionList(API_KEY, resend.resend_url, budget=Unlimited())
    simulation.world = replace(simulation.world, suppression_list=of)
    await simulation.sign_up(replace(ada, email=ADA))
    await soon(simulation)
    yield simulation
    await of.close()


async def soon(simulation: Simulation) -> None:
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)


async def forget(simulation: Simulation, address: str = ADA) -> str:
    """Request the erasure as the console does. Return the id of the job."""
    job = ForgetJob(id=new_job_id(), by="mia", via="console")
    await simulation.ledger.contacts.forget_address(address, now_ms=simulation.clock.now_ms(), job=job)
    return job.id


async def job_of(simulation: Simulation, job_id: str) -> ConsoleJob:
    job = await simulation.ledger.console_jobs.get(job_id)
    assert job is not None
    return job


async def said(simulation: Simulation) -> list[tuple[str, str, str, str]]:
    """Return the action log, newest first."""
    return [(one.by, one.via, one.what, one.after) for one in await simulation.ledger.action_log.newest(ActionFilter())]


async def listed(resend: RunningSandbox) -> set[str]:
    _, answer, _ = await resend.resend("GET", "/suppressions?limit=100")
    return {entry["email"] for entry in answer["data"]}


def fails_with(simulation: Simulation, *failures: Exception) -> None:
    """Let the next requests for Resend's list raise these errors."""
    left, of = list(failures), simulation.world.suppression_list
    assert of is not None

    class Failing:
        async def add(self, address: str) -> None:
            if left:
                raise left.pop(0)
            await of.add(address)

    simulation.world = replace(simulation.world, suppression_list=Failing())


async def test_forgotten_address_is_on_resends_list_and_nowhere_in_the_store(with_list, resend):
    job_id = await forget(with_list)
    await soon(with_list)

    assert await listed(resend) == {ADA}
    assert (await job_of(with_list, job_id)).is_done
    assert ADA not in str(await content(with_list.ledger.client))
    assert await said(with_list) == [("mia", "console", "forget", "on Resend's own suppression list")]
    [action] = await with_list.ledger.action_log.newest(ActionFilter())
    assert action.on[0].startswith("enr_")


async def test_every_known_spelling_of_a_forgotten_address_is_listed_at_resend(with_list, resend):
    await forget(with_list, DOTTED)
    await soon(with_list)

    assert await listed(resend) == {ADA, DOTTED}


async def test_a_spelling_that_arrives_during_the_erasure_is_listed_too(with_list, resend, monkeypatch):
    client, other, traces = with_list.ledger.client, enrollment_id("winter_2026", ADA), Contacts.find_traces
    kept = await client.hgetall(keys.enrollment(WHO))
    arriving = [{**kept, "campaign": "winter_2026", "email": DOTTED}]

    async def before_a_signup(self: Contacts, address: str) -> Traces:
        found = await traces(self, address)
        if arriving:
            await client.sadd(keys.CAMPAIGNS, "winter_2026")
            await client.hset(keys.enrollment(other), mapping=arriving.pop())
        return found

    monkeypatch.setattr(Contacts, "find_traces", before_a_signup)
    await forget(with_list)
    await soon(with_list)

    assert await listed(resend) == {ADA, DOTTED}
    stored = str(await content(client))
    assert [one in stored for one in (ADA, DOTTED)] == [False, False]


async def test_forget_job_of_a_worker_that_died_after_listing_the_address_is_ended_by_another(with_list, resend):
    job_id = await forget(with_list)
    waiting = await with_list.ledger.client.hgetall(keys.console_job(job_id))
    await console_job(with_list.world, job_id)
    await with_list.ledger.client.delete(keys.console_job(job_id))
    await with_list.ledger.client.hset(keys.console_job(job_id), mapping=waiting)

    await soon(with_list)

    assert await listed(resend) == {ADA}
    assert (await job_of(with_list, job_id)).is_done
    assert ADA not in str(await content(with_list.ledger.client))


@pytest.mark.parametrize(
    ("failure", "after_ms"),
    [
        (Transient("connect"), MINUTE_MS),
        (Ambiguous("timeout"), MINUTE_MS),
        (Throttled("rate_limit_exceeded", retry_after_ms=1_000), MINUTE_MS),
        (Throttled("rate_limit_exceeded", retry_after_ms=5 * MINUTE_MS), 5 * MINUTE_MS),
    ],
)
async def test_forget_job_is_retried_while_resend_is_away(with_list, resend, failure, after_ms):
    fails_with(with_list, failure)
    job_id, asked_ms = await forget(with_list), with_list.clock.now_ms()
    await with_list.run(until_ms=asked_ms + after_ms - 1)
    waiting = await job_of(with_list, job_id)
    assert (await listed(resend), waiting.ended_ms, waiting.waits) == (set(), None, failure.code)

    await with_list.run(until_ms=asked_ms + after_ms)

    assert (await listed(resend), (await job_of(with_list, job_id)).is_done) == ({ADA}, True)


async def test_forget_job_is_retried_after_a_store_outage(with_list, resend):
    fails_with(with_list, redis.ConnectionError("reset"))
    job_id = await forget(with_list)
    await soon(with_list)
    waiting = await job_of(with_list, job_id)
    assert (waiting.ended_ms, waiting.waits, waiting.addresses) == (None, "the store was away", (ADA,))

    await with_list.run(until_ms=with_list.clock.now_ms() + MINUTE_MS)

    assert (await listed(resend), (await job_of(with_list, job_id)).is_done) == ({ADA}, True)


async def test_forget_job_that_takes_too_long_is_retried(with_list, resend):
    fails_with(with_list, TimeoutError())
    job_id = await forget(with_list)
    await soon(with_list)
    waiting = await job_of(with_list, job_id)
    assert (waiting.ended_ms, waiting.waits, waiting.addresses) == (None, "no answer within 60 s", (ADA,))

    await with_list.run(until_ms=with_list.clock.now_ms() + MINUTE_MS)

    assert (await listed(resend), (await job_of(with_list, job_id)).is_done) == ({ADA}, True)


async def test_all_spellings_are_listed_while_mail_uses_nearly_all_of_the_budget(with_list, resend, clock):
    budget = StoreBudget(with_list.ledger.client, "resend", capacity=1, window_ms=MINUTE_MS, clock=clock)
    of = ResendSuppressionList(API_KEY, resend.resend_url, budget=budget)
    with_list.world = replace(with_list.world, suppression_list=of)
    job_id = await forget(with_list, DOTTED)
    await soon(with_list)
    waiting = await job_of(with_list, job_id)
    assert (await listed(resend), waiting.waits) == ({DOTTED}, "our own rate limit had no turn free")
    assert waiting.addresses == (ADA,), "what is on the list waits for nothing"

    await with_list.run(until_ms=with_list.clock.now_ms() + MINUTE_MS)
    await of.close()

    assert (await listed(resend), (await job_of(with_list, job_id)).is_done) == ({ADA, DOTTED}, True)


async def test_refused_spelling_does_not_keep_the_others_off_resends_list(with_list, resend):
    fails_with(with_list, Permanent("validation_error", status=422))
    job_id = await forget(with_list, DOTTED)
    await soon(with_list)

    words = f"Resend's own suppression list was changed only in part (validation_error); {BY_HAND}"
    assert (await listed(resend), (await job_of(with_list, job_id)).failure) == ({ADA}, words)
    assert await said(with_list) == [("mia", "console", "forget", words)]


async def test_refused_spelling_is_tried_after_the_other_spellings(with_list, resend):
    busy = Throttled("budget", retry_after_ms=MINUTE_MS)
    fails_with(with_list, Permanent("validation_error", status=422), busy)
    job_id = await forget(with_list, DOTTED)
    await soon(with_list)
    assert (await job_of(with_list, job_id)).addresses == (ADA, DOTTED), "the other one is first now"

    await console_job(with_list.world, job_id)
    assert await listed(resend) == {ADA, DOTTED}


async def test_forget_job_fails_in_part_when_an_earlier_attempt_listed_a_spelling(with_list, resend):
    of = with_list.world.suppression_list

    class Half:
        async def add(self, address: str) -> None:
            if address == ADA:
                raise Transient("connect")
            await of.add(address)

    with_list.world = replace(with_list.world, suppression_list=Half())
    job_id, asked_ms = await forget(with_list, DOTTED), with_list.clock.now_ms()
    await with_list.run(until_ms=asked_ms + FORGET_LIFE_MS)

    words = f"Resend's own suppression list was changed only in part (connect); {BY_HAND}"
    assert (await listed(resend), (await job_of(with_list, job_id)).failure) == ({DOTTED}, words)


async def test_forget_job_deleted_while_it_runs_is_not_logged_as_a_retry(with_list, monkeypatch):
    logged = CapturingLogger()
    monkeypatch.setattr("actors.console_jobs.log", logged)
    job_id = await forget(with_list)

    class Gone:
        async def add(self, address: str) -> None:
            await with_list.ledger.client.delete(keys.console_job(job_id))
            raise Transient("connect")

    await console_job(replace(with_list.world, suppression_list=Gone()), job_id)

    assert [line.args for line in logged.calls] == [("console_job_not_done",)]


async def test_contact_unsuppressed_while_resend_is_away_is_not_listed_afterwards(with_list, resend):
    fails_with(with_list, Transient("connect"))
    job_id = await forget(with_list)
    await soon(with_list)
    await with_list.ledger.suppressions.unsuppress(ADA, detail="by phone", now_ms=with_list.clock.now_ms())
    await with_list.run(until_ms=with_list.clock.now_ms() + MINUTE_MS)

    ended = await job_of(with_list, job_id)
    assert await listed(resend) == set()
    assert (ended.is_done, ended.addresses) == (True, ())
    assert ended.result["note"].endswith("(mail may go to this address again)")


async def test_forget_job_needs_a_person_after_resend_was_away_for_a_day(with_list):
    fails_with(with_list, *[Transient("connect")] * 2_000)
    job_id, asked_ms = await forget(with_list), with_list.clock.now_ms()
    await with_list.run(until_ms=asked_ms + FORGET_LIFE_MS)

    ended = await job_of(with_list, job_id)
    words = f"Resend's own suppression list was not changed (connect); {BY_HAND}"
    assert (ended.failure, ended.addresses) == (words, ())
    until_ms = asked_ms + FORGET_LIFE_MS - 10 * MINUTE_MS
    assert until_ms - 2 * MINUTE_MS < ended.ended_ms < until_ms, "in time, before the job goes by itself"
    assert await said(with_list) == [("mia", "console", "forget", words)]


async def test_refused_resend_key_fails_the_forget_job_with_the_cure(with_list, resend):
    of = ResendSuppressionList(SENDING_KEY, resend.resend_url, budget=Unlimited())
    with_list.world = replace(with_list.world, suppression_list=of)
    job_id = await forget(with_list)
    await soon(with_list)
    await of.close()

    ended = await job_of(with_list, job_id)
    why = "restricted_api_key: RESEND_API_KEY may only send; the list needs one with full access"
    assert ended.failure == f"Resend's own suppression list was not changed ({why}); {BY_HAND}"
    assert await said(with_list) == [("mia", "console", "forget", ended.failure)]
    assert ADA not in str(await content(with_list.ledger.client))


async def test_internal_error_fails_the_forget_job_with_what_to_do(with_list):
    fails_with(with_list, KeyError("a bug"))
    job_id = await forget(with_list)
    with pytest.raises(KeyError):
        await console_job(with_list.world, job_id)

    assert (await job_of(with_list, job_id)).failure.endswith(f"traceback; {BY_HAND}")
    assert ADA not in str(await content(with_list.ledger.client))


async def test_testing_mode_does_not_change_the_list_of_a_real_resend(with_list, resend):
    settings = Settings(secret_key="k" * 32, testing_mode=True, resend_api_key="re_key")
    job_id = await forget(with_list)

    await console_job(replace(with_list.world, settings=settings), job_id)

    why = "TESTING_MODE is on, and the list holds for every campaign"
    ended, said_so = await job_of(with_list, job_id), f"Resend's own suppression list was not changed ({why})"
    assert (ended.is_done, ended.result) == (True, {"note": said_so})
    assert await said(with_list) == [("mia", "console", "forget", said_so)]
    assert await listed(resend) == set()
