"""
Jobs that a user requests from a worker, because the console has no providers' keys.

Pages and the API use the same functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from common.domain.delivery import delivery_of
from common.domain.ids import DeliveryId
from common.ledger.console_jobs import ConsoleJob, JobKind, is_job_id, job_id_of, new_job_id
from common.ledger.reads.person_mails import PersonMail
from common.normalization.address import AddressError, repaired_address
from services.console.acting import record_action
from services.console.auth.access import PRINCIPAL
from services.console.context import ConsoleContext
from services.web.problem import FieldError, Problem


async def request_test(context: ConsoleContext, fields: Mapping[str, str]) -> str:
    """
    Request a test mail to the address `to`. Return the id of the job.

    `fields` name either a `delivery`, which is sent as its contact would get it now, or `campaign` and `mail`
    (`step-1`, `24h`) with `language` and `segment` (default: the first ones) for a made-up contact. `job`: see
    `job_id_in`; `back`: the page with the form. Raises Problem 422 if the address or the mail is invalid.
    """
    to = _address(fields.get("to", ""))
    given = {name: fields.get(name, "") for name in ("campaign", "mail", "language", "segment", "delivery")}
    on = _what(context, given)
    job_id = job_id_in(fields)
    arguments = {name: value for name, value in given.items() if value} | {"to": to, "back": fields.get("back", "")}
    is_new = await context.ledger.console_jobs.request(
        job_id, JobKind.SEND_TEST, arguments, by=PRINCIPAL.get().name, now_ms=context.clock.now_ms()
    )
    if is_new:
        await record_action(context, "send test", [on], after="asked for")
    return job_id


async def sent_mail_job(context: ConsoleContext, mail: PersonMail) -> ConsoleJob | None:
    """
    Return the job that fetches the provider's copy of a sent mail, and request that job if there is none yet.

    Return None for an SMS and for a mail that was not sent. Reading a mail is not an action: it is not logged, and the
    role `read` is enough.
    """
    if not mail.is_sent or mail.is_sms:
        return None
    jobs, job_id = context.ledger.console_jobs, job_id_of(JobKind.SENT_MAIL, f"{mail.delivery.id} {mail.provider_id}")
    if (job := await jobs.get(job_id)) is not None:
        return job
    arguments = {"delivery": mail.delivery.id}
    await jobs.request(job_id, JobKind.SENT_MAIL, arguments, by=PRINCIPAL.get().name, now_ms=context.clock.now_ms())
    return await jobs.get(job_id)


def job_id_in(fields: Mapping[str, str]) -> str:
    """Return the job id of the form, so that a form sent twice requests one job; a new id if the form has none."""
    job_id = fields.get("job", "")
    return job_id if is_job_id(job_id) else new_job_id()


async def is_forget_job(context: ConsoleContext, job_id: str) -> bool:
    job = await context.ledger.console_jobs.get(job_id)
    return job is not None and job.kind is JobKind.FORGET


async def read_job(context: ConsoleContext, job_id: str) -> ConsoleJob:
    """Raises Problem 404 if there is no such job, or its result has expired."""
    job = await context.ledger.console_jobs.get(job_id)
    if job is None:
        raise Problem(
            404,
            "A result is kept for 5 minutes; for a forgotten person, for an hour. The page Actions says who did what.",
            title="No such job",
        )
    return job


def state_of(job: ConsoleJob) -> Literal["asked", "done", "failed"]:
    if job.ended_ms is None:
        return "asked"
    return "done" if job.is_done else "failed"


def _what(context: ConsoleContext, given: Mapping[str, str]) -> str:
    """Return what the test mail is of, for the action log: a delivery id, or `campaign/mail`. Raises Problem 422."""
    if name := given["delivery"]:
        try:
            return delivery_of(DeliveryId(name)).id
        except ValueError:
            raise _wrong("delivery", "must be the id of a delivery") from None
    if given["campaign"] not in context.ledger.campaigns:
        raise _wrong("campaign", "must be a campaign that runs here")
    if not given["mail"]:
        raise _wrong("mail", "must be the id of a step, or the name of a reminder or follow-up")
    return f"{given['campaign']}/{given['mail']}"


def _address(text: str) -> str:
    try:
        return repaired_address(text)
    except AddressError as error:
        raise _wrong("to", str(error)) from None


def _wrong(field: str, message: str) -> Problem:
    return Problem(422, f"`{field}` {message}.", title="No test mail", errors=(FieldError(field, message),))
