"""A worker does each job of the console once; the job's data expires within minutes, an address within a day."""

from __future__ import annotations

from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.console_jobs import FORGET_LIFE_MS, FORGET_RESULT_LIFE_MS, LIFE_MS, RESULT_LIFE_MS, JobKind
from common.ledger.contacts import ForgetJob
from tests.ledger_reads import content

JOB = "job_aaaaaaaaaaaaaaaa"


async def request(ledger, now_ms, to="mia@example.org"):
    return await ledger.console_jobs.request(JOB, JobKind.SEND_TEST, {"to": to}, by="mia", now_ms=now_ms)


async def test_a_form_that_is_sent_twice_asks_once(ledger, clock):
    now_ms = clock.now_ms()

    assert await request(ledger, now_ms)
    assert not await request(ledger, now_ms + 5, to="ron@example.org")

    job = await ledger.console_jobs.get(JOB)
    assert (job.arguments, job.asked_ms) == ({"to": "mia@example.org"}, now_ms)
    assert await ledger.client.zscore(keys.delayed("console_job"), JOB) == now_ms


async def test_a_job_ends_once_and_keeps_its_first_result(ledger, clock):
    await request(ledger, clock.now_ms())

    assert await ledger.console_jobs.finish(JOB, {"id": "re_1"}, now_ms=clock.now_ms() + 1)
    assert not await ledger.console_jobs.fail(JOB, "no answer", now_ms=clock.now_ms() + 2)

    job = await ledger.console_jobs.get(JOB)
    assert (job.is_done, job.result, job.failure) == (True, {"id": "re_1"}, "")


async def test_console_job_and_its_result_expire_within_minutes(ledger, clock):
    await request(ledger, clock.now_ms())
    assert 0 < await ledger.client.pttl(keys.console_job(JOB)) <= LIFE_MS

    await ledger.console_jobs.finish(JOB, {}, now_ms=clock.now_ms() + 1)
    assert 0 < await ledger.client.pttl(keys.console_job(JOB)) <= RESULT_LIFE_MS


ADA = "ada@example.org"
BY_MIA = ForgetJob(id=JOB, by="mia", via="console")


async def test_forgetting_an_address_requests_its_job_in_the_same_call(ledger, clock):
    await ledger.contacts.forget_address(ADA, now_ms=clock.now_ms(), job=BY_MIA)

    job = await ledger.console_jobs.get(JOB)
    assert (job.kind, job.addresses, job.by, job.arguments["via"]) == (JobKind.FORGET, (ADA,), "mia", "console")
    assert job.arguments["owners"].split() == [enrollment_id("christmas_2025", ADA)]
    assert await ledger.client.zscore(keys.delayed("console_job"), JOB) == clock.now_ms()
    assert (await ledger.suppressions.of(ADA)).is_forgotten


async def test_addresses_of_a_forgotten_contact_are_erased_when_the_job_ends(ledger, store, clock):
    await ledger.contacts.forget_address(ADA, now_ms=clock.now_ms(), job=BY_MIA)
    await ledger.console_jobs.defer(JOB, "connect", due_ms=clock.now_ms() + 60_000, addresses=["a.da@example.org"])
    waiting = await ledger.console_jobs.get(JOB)
    assert (waiting.waits, waiting.addresses) == ("connect", ("a.da@example.org",))

    await ledger.console_jobs.finish(JOB, {}, now_ms=clock.now_ms(), life_ms=FORGET_RESULT_LIFE_MS)

    ended = await ledger.console_jobs.get(JOB)
    assert (ended.addresses, ended.waits, ended.is_done) == ((), "", True)
    assert ADA not in str(await content(store))
    assert RESULT_LIFE_MS < await store.pttl(keys.console_job(JOB)) <= FORGET_RESULT_LIFE_MS
    await ledger.contacts.forget_address(ADA, now_ms=clock.now_ms(), job=BY_MIA)
    assert ADA not in str(await content(store)), "the same form, sent again"


async def test_addresses_of_a_forgotten_contact_are_stored_for_a_day_at_most(ledger, store, clock):
    await ledger.contacts.forget_address(ADA, now_ms=clock.now_ms(), job=BY_MIA)
    await ledger.console_jobs.defer(JOB, "connect", due_ms=clock.now_ms() + 60_000, addresses=[ADA])

    assert LIFE_MS < await store.pttl(keys.console_job(JOB)) <= FORGET_LIFE_MS == 86_400_000


async def test_console_job_that_ended_or_was_never_requested_is_not_deferred(ledger, clock):
    assert not await ledger.console_jobs.defer(JOB, "connect", due_ms=1, addresses=[])
    await request(ledger, clock.now_ms())
    await ledger.console_jobs.finish(JOB, {}, now_ms=clock.now_ms())

    assert not await ledger.console_jobs.defer(JOB, "connect", due_ms=1, addresses=[])
    assert (await ledger.console_jobs.get(JOB)).waits == ""
    assert await ledger.client.zscore(keys.delayed("console_job"), JOB) == clock.now_ms()


async def test_result_of_an_expired_console_job_is_not_written(ledger, clock):
    assert not await ledger.console_jobs.finish(JOB, {}, now_ms=clock.now_ms())
    assert not await ledger.client.exists(keys.console_job(JOB))
