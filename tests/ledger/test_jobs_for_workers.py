"""What the console asks of a worker is done once, and nothing of it outlives minutes."""

from __future__ import annotations

from common.ledger import keys
from common.ledger.console_jobs import LIFE_MS, RESULT_LIFE_MS, JobKind

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


async def test_nothing_of_it_is_kept_for_longer_than_minutes(ledger, clock):
    await request(ledger, clock.now_ms())
    assert 0 < await ledger.client.pttl(keys.console_job(JOB)) <= LIFE_MS

    await ledger.console_jobs.finish(JOB, {}, now_ms=clock.now_ms() + 1)
    assert 0 < await ledger.client.pttl(keys.console_job(JOB)) <= RESULT_LIFE_MS


async def test_the_result_of_a_job_that_was_forgotten_is_not_written(ledger, clock):
    assert not await ledger.console_jobs.finish(JOB, {}, now_ms=clock.now_ms())
    assert not await ledger.client.exists(keys.console_job(JOB))
