"""Test mails that the console requests: a worker sends them or says why not, and no delivery changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import CapturingLogger

from actors.console_jobs import console_job
from common.domain.enrollment import ExitReason
from common.domain.ids import enrollment_id
from common.errors import Ambiguous, Misconfigured, Throttled
from common.ledger import keys
from common.ledger.console_jobs import LIFE_MS, RESULT_BYTES_MAX, RESULT_LIFE_MS, TOO_LARGE, JobKind, new_job_id
from common.settings.settings import Settings

ADA = enrollment_id("christmas_2025", "ada@example.org")
SARAH = "sarah@businessx.example"
MONDAY_MS = round(datetime(2026, 11, 30, tzinfo=UTC).timestamp() * 1000)
SAMPLE = {"campaign": "christmas_2025", "mail": "step-1", "to": SARAH}


async def ask(simulation, arguments, job: str | None = None) -> str:
    job = job or new_job_id()
    await simulation.ledger.console_jobs.request(
        job, JobKind.SEND_TEST, arguments, by="mia", now_ms=simulation.clock.now_ms()
    )
    return job


async def soon(simulation):
    await simulation.run(until_ms=simulation.clock.now_ms() + 2_000)


async def answer_to(simulation, arguments):
    job = await ask(simulation, arguments)
    await soon(simulation)
    return await simulation.ledger.console_jobs.get(job)


async def test_a_test_mail_is_marked_and_leaves_no_trace_in_the_ledger(simulation):
    done = await answer_to(simulation, SAMPLE)

    [mail] = simulation.mailer.inbox_of(SARAH)
    assert (done.is_done, done.result["provider_id"]) == (True, "sim_0")
    assert mail.subject == f"[Test] {done.result['subject']}"
    assert "/unsubscribe/test" in mail.html
    assert (mail.tags, "List-Unsubscribe" in mail.headers) == ({}, False)
    assert await simulation.ledger.client.exists(keys.COUNTS, keys.OPEN, keys.UNDER_WAY) == 0


async def test_requested_language_and_segment_decide_the_test_mail(simulation):
    french = await answer_to(simulation, SAMPLE | {"mail": "step-2", "language": "fr-CA", "segment": "URGENT"})
    default = await answer_to(simulation, SAMPLE | {"mail": "step-2"})

    assert french.result["subject"] != default.result["subject"]


async def test_reminder_can_be_tested_with_an_invented_call(simulation):
    assert (await answer_to(simulation, SAMPLE | {"mail": "24h"})).is_done


async def test_contacts_own_mail_is_tested_with_their_data_and_their_enrollment_is_unchanged(simulation, ada):
    await simulation.sign_up(ada)
    await soon(simulation)
    before = await simulation.ledger.client.hgetall(keys.enrollment(ADA))

    done = await answer_to(simulation, {"delivery": f"{ADA}/step-2", "to": SARAH})

    [mail] = simulation.mailer.inbox_of(SARAH)
    assert done.is_done
    assert "Ada" in mail.text
    assert len(simulation.mailer.inbox_of(ada.email)) == 1, "her own first mail"
    assert await simulation.ledger.client.hgetall(keys.enrollment(ADA)) == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (SAMPLE | {"mail": "step-99"}, "has none that is called step-99"),
        (SAMPLE | {"language": "xx"}, "language: there is no xx; there are: en-CA, fr-CA"),
        (SAMPLE | {"segment": "NONE"}, "segment: there is no NONE; there are: CRITICAL"),
        (SAMPLE | {"campaign": "easter"}, "the campaign easter is not played here"),
        ({"delivery": f"{ADA}/step-1", "to": SARAH}, "its recipient is not known"),
    ],
)
async def test_test_mail_of_an_unknown_step_language_segment_or_contact_fails_with_the_reason(
    simulation, arguments, why
):
    failed = await answer_to(simulation, arguments)

    assert why in failed.failure
    assert simulation.mailer.accepted_mails == []


async def test_a_suppressed_address_gets_no_test_mail(simulation, ada):
    await simulation.sign_up(ada)
    await soon(simulation)
    await simulation.ledger.suppressions.suppress(
        ada.email, ExitReason.SUPPRESSED, detail="", now_ms=simulation.clock.now_ms()
    )

    failed = await answer_to(simulation, SAMPLE | {"to": ada.email})

    assert "receives no mail" in failed.failure
    assert len(simulation.mailer.inbox_of(ada.email)) == 1, "her own first mail"


async def test_testing_mode_sends_test_mails_to_testing_recipients_only(simulation):
    settings = Settings(
        secret_key="k" * 32, testing_mode=True, resend_api_key="re_key", testing_recipients=frozenset({SARAH})
    )
    job = await ask(simulation, SAMPLE | {"to": "other@businessx.example"})

    await console_job(replace(simulation.world, settings=settings), job)

    assert (await simulation.ledger.console_jobs.get(job)).failure.startswith(
        "TESTING_RECIPIENTS: other@businessx.example"
    )


async def test_refused_api_key_fails_the_console_job_with_the_cure(simulation):
    refused = Misconfigured("invalid_api_key", "API key is invalid.", status=403)
    refused.provider = "resend"
    simulation.mailer.failure = lambda _mail: refused

    assert (await answer_to(simulation, SAMPLE)).failure == (
        "the provider answered invalid_api_key: API key is invalid.; check the key: set a valid RESEND_API_KEY"
    )


@pytest.mark.parametrize("trouble", [Throttled("rate_limit_exceeded", retry_after_ms=1), Ambiguous("timeout")])
async def test_lost_or_throttled_answer_sends_one_test_mail(simulation, trouble, monkeypatch):
    monkeypatch.setattr("common.providers.patience.PAUSE_S", 0.001)
    answers = [trouble]
    simulation.mailer.failure = lambda _mail: answers.pop() if answers else None

    assert (await answer_to(simulation, SAMPLE)).is_done
    assert len(simulation.mailer.inbox_of(SARAH)) == 1


async def test_console_job_repeated_by_another_worker_sends_one_mail(simulation):
    job = await ask(simulation, SAMPLE)
    known = await simulation.ledger.client.hgetall(keys.console_job(job))
    await console_job(simulation.world, job)
    await simulation.ledger.client.delete(keys.console_job(job))
    await simulation.ledger.client.hset(keys.console_job(job), mapping=known)

    await console_job(simulation.world, job)

    assert len(simulation.mailer.inbox_of(SARAH)) == 1


async def test_contacts_own_test_mail_repeated_on_the_next_day_is_the_same_mail(simulation, ada, clock):
    """Between the two, the week that the mail counts down to has come nearer."""
    clock.move_to(MONDAY_MS - 60_000)
    await simulation.sign_up(replace(ada, timezone="UTC"))
    job = await ask(simulation, {"delivery": f"{ADA}/step-4", "to": SARAH})
    known = await simulation.ledger.client.hgetall(keys.console_job(job))
    await console_job(simulation.world, job)
    await simulation.ledger.client.delete(keys.console_job(job))
    await simulation.ledger.client.hset(keys.console_job(job), mapping=known)
    clock.move_to(MONDAY_MS + 60_000)

    await console_job(simulation.world, job)

    assert (await simulation.ledger.console_jobs.get(job)).is_done
    assert len(simulation.mailer.inbox_of(SARAH)) == 1


async def test_form_submitted_twice_sends_one_test_mail(simulation):
    job = await ask(simulation, SAMPLE)
    await ask(simulation, SAMPLE, job)
    await soon(simulation)

    assert len(simulation.mailer.inbox_of(SARAH)) == 1


async def test_deleted_console_job_is_not_run(simulation):
    job = await ask(simulation, SAMPLE)
    await simulation.ledger.client.delete(keys.console_job(job))
    await soon(simulation)

    assert simulation.mailer.accepted_mails == []


async def test_test_mail_job_and_its_result_expire_within_minutes(simulation):
    job = await ask(simulation, SAMPLE)
    waiting_ms = await simulation.ledger.client.pttl(keys.console_job(job))
    await soon(simulation)

    assert 0 < waiting_ms <= LIFE_MS
    assert 0 < await simulation.ledger.client.pttl(keys.console_job(job)) <= RESULT_LIFE_MS


async def test_a_result_that_is_too_large_is_a_failure(simulation):
    job = await ask(simulation, SAMPLE)

    await simulation.ledger.console_jobs.finish(job, {"html": "x" * RESULT_BYTES_MAX}, now_ms=1)

    assert (await simulation.ledger.console_jobs.get(job)).failure == TOO_LARGE


async def test_console_job_ends_once(simulation):
    job = await ask(simulation, SAMPLE)
    ended = [await simulation.ledger.console_jobs.fail(job, why, now_ms=1) for why in ("first", "second")]

    assert (ended, (await simulation.ledger.console_jobs.get(job)).failure) == ([True, False], "first")


async def test_console_job_logs_contain_no_address(simulation, monkeypatch):
    logged = CapturingLogger()
    monkeypatch.setattr("actors.console_jobs.log", logged)

    await answer_to(simulation, SAMPLE)
    await answer_to(simulation, SAMPLE | {"to": "nobody@businessx.example", "mail": "step-99"})

    assert [line.args for line in logged.calls] == [("console_job_done",), ("console_job_failed",)]
    assert "businessx.example" not in repr(logged.calls)
