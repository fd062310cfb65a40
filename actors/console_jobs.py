"""Jobs that a user of the console requested. A worker does them, because only a worker has the providers' keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from actors.sending.test_mail import TestRefused, check_recipient, sample_mails, send_test, unsubscribe_url
from actors.suppression_list import LISTED, RETRY_MS, UNSUPPRESSED, ListNotChanged, list_at_resend
from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.campaigns.messages import Rendered
from common.domain.delivery import Channel
from common.domain.ids import DeliveryId
from common.domain.mail import SentMail
from common.errors import Failure, Throttled
from common.ledger.action_log import Action
from common.ledger.console_jobs import FORGET_RESULT_LIFE_MS, FORGET_TRIES_MS, RESULT_LIFE_MS, ConsoleJob, JobKind
from common.ledger.owners import read_recipient
from common.providers.cures import cure_of
from common.providers.patience import retry_patiently
from common.readers import read_reader
from common.shown_mails import render_shown, without_unsubscribe
from common.store.errors import STORE_ERRORS, is_transient
from common.world import World

PROVIDER_WAIT_S = 60
"""The time limit of one job: the user waits at the page, and requests it again if it takes longer."""

BY_HAND = "add each spelling of the address to Resend's list by hand, or run `advent forget ADDRESS --yes` for each"
"""The text cannot name the addresses, because they are no longer known here."""

log = structlog.get_logger(__name__)


class JobRefused(Exception):
    """The job cannot be done as it was requested; the text says why."""


class JobDeferred(Exception):
    """The job cannot be done now; the text says why. `addresses`: those to try again at `due_ms`."""

    def __init__(self, why: str, due_ms: int, addresses: Sequence[str]) -> None:
        super().__init__(why)
        self.due_ms, self.addresses = due_ms, addresses


async def console_job(world: World, job_id: str) -> None:
    """Do one job and record its result, or why there is none. A job that was forgotten or has ended is skipped."""
    job = await world.ledger.console_jobs.get(job_id)
    if job is None or job.ended_ms is not None:
        log.info("console_job_not_done", job=job_id, why="it was forgotten" if job is None else "it has ended")
        return
    try:
        result = await _result(world, job)
    except JobDeferred as deferral:
        await _defer(world, job, deferral)
    except (JobRefused, TestRefused, CampaignError) as refusal:
        await _fail(world, job, str(refusal), code="refused")
    except Failure as failure:
        await _fail(world, job, _words(failure), code=failure.code)
    except TimeoutError:
        await _fail(
            world, job, f"the provider did not answer, or had no turn free, within {PROVIDER_WAIT_S} s", code="late"
        )
    except Exception:
        await _fail(world, job, "an internal error; the worker's log has the traceback", code="internal_error")
        raise
    else:
        now_ms = world.clock.now_ms()
        await world.ledger.console_jobs.finish(job.id, result, now_ms=now_ms, life_ms=_result_life_ms(job))
        log.info("console_job_done", job=job.id, kind=job.kind)


async def _result(world: World, job: ConsoleJob) -> Mapping[str, str]:
    """Do the job. Nobody would request a FORGET job again, so it is deferred if the store is away or time runs out."""
    try:
        async with asyncio.timeout(PROVIDER_WAIT_S):
            return await _KINDS[job.kind](world, job)
    except STORE_ERRORS as error:
        if job.kind is not JobKind.FORGET or not is_transient(error):
            raise
        why = f"no answer within {PROVIDER_WAIT_S} s" if isinstance(error, TimeoutError) else "the store was away"
        raise _unfinished(world, job, ListNotChanged(why=why, left=job.addresses, retry_after_ms=RETRY_MS)) from None


async def _defer(world: World, job: ConsoleJob, deferral: JobDeferred) -> None:
    due_ms, addresses = deferral.due_ms, deferral.addresses
    if await world.ledger.console_jobs.defer(job.id, str(deferral), due_ms=due_ms, addresses=addresses):
        log.warning("console_job_deferred", job=job.id, kind=job.kind, due_ms=due_ms, why=str(deferral))
    else:
        log.warning("console_job_not_done", job=job.id, why="it was forgotten, or has ended, meanwhile")


async def _fail(world: World, job: ConsoleJob, reason: str, *, code: str) -> None:
    if job.kind is JobKind.FORGET:
        reason = reason if code == "refused" else f"{reason}; {BY_HAND}"
        await _record(world, job, reason)
    now_ms = world.clock.now_ms()
    await world.ledger.console_jobs.fail(job.id, reason, now_ms=now_ms, life_ms=_result_life_ms(job))
    log.warning("console_job_failed", job=job.id, kind=job.kind, code=code)


def _result_life_ms(job: ConsoleJob) -> int:
    return FORGET_RESULT_LIFE_MS if job.kind is JobKind.FORGET else RESULT_LIFE_MS


def _words(failure: Failure) -> str:
    if isinstance(failure, Throttled):
        return f"the provider takes no more just now ({failure.code}); try again in a moment"
    cure = cure_of(failure.provider, failure.code)
    said = f"the provider answered {failure.code}" + (f": {failure.detail}" if failure.detail else "")
    return f"{said}; {cure}" if cure else said


async def _send_test(world: World, job: ConsoleJob) -> Mapping[str, str]:
    """
    Send a test mail.

    A repetition after a crash has the same key, so the provider sends only one. It also has the same bytes, unless
    campaign or contact changed meanwhile; then the provider refuses it.
    """
    to = job.arguments["to"]
    await check_recipient(world, to)
    campaign, mail = await _test_mail(world, job.arguments, at_ms=job.asked_ms)
    provider_id = await retry_patiently(lambda: send_test(world, campaign, mail, to=to, key=job.id), tries=3)
    return {"provider_id": provider_id, "subject": mail.subject}


async def _test_mail(world: World, given: Mapping[str, str], *, at_ms: int) -> tuple[Campaign, Rendered]:
    """Render the named delivery as of `at_ms`, or else a campaign's mail for a made-up contact."""
    if name := given.get("delivery"):
        return await _persons_mail(world, name, at_ms=at_ms)
    campaign = world.campaigns.played(given["campaign"])
    language = _one_of("language", given.get("language"), campaign.languages)
    segment = _one_of("segment", given.get("segment"), campaign.segments)
    mails = sample_mails(campaign, world.settings, language=language, segment=segment, mail=given["mail"])
    found = next(mails, None)
    if found is None:
        raise JobRefused(f"mail: {campaign.key} has none that is called {given['mail']}")
    return campaign, found


async def _persons_mail(world: World, name: str, *, at_ms: int) -> tuple[Campaign, Rendered]:
    item = await read_recipient(world.ledger.store, DeliveryId(name))
    if item is None:
        raise JobRefused("mail: its recipient is not known")
    if item.delivery.channel is Channel.SMS:
        raise JobRefused("mail: an SMS is sent to no address")
    campaign = world.campaigns.played(item.campaign)
    try:
        mail = render_shown(
            world.settings,
            campaign,
            item.delivery,
            await read_reader(world.ledger, campaign, item),
            unsubscribe_url=unsubscribe_url(world.settings),
            at_ms=at_ms,
        )
    except (IndexError, KeyError):
        raise JobRefused("mail: the campaign has no such mail any more") from None
    return campaign, mail


async def _sent_mail(world: World, job: ConsoleJob) -> Mapping[str, str]:
    """Return a sent mail by the provider's id in the ledger, so that console users can read only contacts' mails."""
    item = await read_recipient(world.ledger.store, DeliveryId(job.arguments["delivery"]))
    record = item.record if item else None
    if item is None or record is None or not record.status.is_sent or item.delivery.channel is Channel.SMS:
        raise JobRefused("no such mail was sent")
    try:
        mail = await retry_patiently(lambda: _read_sent(world, record.detail), tries=3)
    except Failure as failure:
        if failure.code in _UNREADABLE:
            raise JobRefused(_UNREADABLE[failure.code]) from None
        raise
    return {
        "subject": mail.subject,
        "html": without_unsubscribe(mail.html),
        "text": without_unsubscribe(mail.text),
    }


async def _list_forgotten(world: World, job: ConsoleJob) -> Mapping[str, str]:
    """
    Put the forgotten contact's addresses on the provider's list, and record the outcome in the action log.

    It is tried again as long as the addresses are stored, unless the contact has come back since. A repetition changes
    nothing at the provider.
    """
    addresses = [one for one in job.addresses if await world.ledger.suppressions.of(one) is not None]
    if not addresses:
        unchanged: ListNotChanged | None = UNSUPPRESSED
    else:
        unchanged = await list_at_resend(world, addresses)
    if unchanged is not None and unchanged.is_failure:
        raise _unfinished(world, job, unchanged)
    note = unchanged.sentence("") if unchanged else ""
    await _record(world, job, note or LISTED)
    return {"note": note} if note else {}


def _unfinished(world: World, job: ConsoleJob, unchanged: ListNotChanged) -> JobDeferred | JobRefused:
    """Return a deferral if the job can be tried again in time, otherwise a refusal: a person has to do it."""
    if unchanged.retry_after_ms is not None:
        due_ms = world.clock.now_ms() + unchanged.retry_after_ms
        if due_ms < job.asked_ms + FORGET_TRIES_MS:
            return JobDeferred(unchanged.why, due_ms, unchanged.left)
    is_part = len(unchanged.left) < int(job.arguments.get("spellings", "0"))
    return JobRefused(replace(unchanged, is_part=is_part).sentence(BY_HAND))


async def _record(world: World, job: ConsoleJob, after: str) -> None:
    """Record the outcome. Called before the job ends, so that even after a crash it is recorded at least once."""
    via: Any = job.arguments["via"]
    on, now_ms = tuple(job.arguments["owners"].split()), world.clock.now_ms()
    await world.ledger.action_log.record(Action(at_ms=now_ms, by=job.by, via=via, what="forget", on=on, after=after))


async def _read_sent(world: World, mail_id: str) -> SentMail:
    await world.mail_budget.take()
    return await world.mailer.read_sent(mail_id)


_UNREADABLE: Final = {
    "restricted_api_key": "RESEND_API_KEY may only send; with full access it may also read",
    "not_found": "Resend does not have it any more",
}


def _one_of(what: str, given: str | None, known: tuple[str, ...]) -> str:
    if given and given not in known:
        raise JobRefused(f"{what}: there is no {given}; there are: {', '.join(known)}")
    return given or known[0]


_KINDS: Final[Mapping[JobKind, Callable[[World, ConsoleJob], Awaitable[Mapping[str, str]]]]] = {
    JobKind.SEND_TEST: _send_test,
    JobKind.SENT_MAIL: _sent_mail,
    JobKind.FORGET: _list_forgotten,
}
