"""The page of one mail or SMS of a person: as it was sent, and as it would be sent now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from common.campaigns.messages import Rendered
from common.ledger.console_jobs import ConsoleJob, new_job_id
from common.ledger.reads.contact_timeline import ContactTimeline
from common.ledger.reads.person_mails import PersonMail
from services.console.context import CONTEXT, ConsoleContext
from services.console.mails.frames import framed_mail, with_frames
from services.console.mails.person_mail import NotShown, person_time, render, shown_mails
from services.console.pages.person import read_person
from services.console.replies import page
from services.console.worker_jobs import sent_mail_job
from services.web.problem import Problem

PROVIDER, VERSION, NOW = "resend", "version", "now"
"""The source of a shown mail: the provider's copy; rendered again from its version; rendered from the one in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    A mail as the page shows it.

    `source`: PROVIDER, VERSION or NOW. `rendered`: None if it cannot be shown, for the reason `problem`. `job`: the job
    that fetches the provider's copy, if there is one.
    """

    source: str
    rendered: Rendered | None
    job: ConsoleJob | None
    problem: str = ""

    @property
    def is_awaited(self) -> bool:
        return self.job is not None and self.job.ended_ms is None


async def show(request: web.Request) -> web.Response:
    """Show the mail with its name, state and text part. `?as=now`: as it would be sent now."""
    context = request.app[CONTEXT]
    person, mail = await _read_mail(context, request.match_info)
    view = await _view(context, person, mail, is_now=request.query.get("as") == NOW or not mail.is_sent)
    response = page(
        request,
        "person_mail.html",
        contact=person,
        mail=mail,
        view=view,
        shown=(await shown_mails(context, person))[mail.name],
        local=person_time(context, person, mail.at_ms),
        job=new_job_id(),
        here="",
    )
    return with_frames(response)


async def show_body(request: web.Request) -> web.Response:
    """Return only the HTML part, for the frame."""
    context, source = request.app[CONTEXT], request.match_info["source"]
    person, mail = await _read_mail(context, request.match_info)
    if source == PROVIDER:
        job = await sent_mail_job(context, mail)
        html = job.result.get("html", "") if job else ""
    else:
        try:
            html = (await _rendered(context, person, mail, source)).html
        except NotShown:
            html = ""
    return framed_mail(html)


async def _view(context: ConsoleContext, person: ContactTimeline, mail: PersonMail, *, is_now: bool) -> View:
    """
    Return a mail as it was sent: the provider's copy if it is available, else rendered again.

    `is_now`: return it as it would be sent now.
    """
    job = None if is_now else await sent_mail_job(context, mail)
    if job is not None and job.is_done:
        subject, html, text = (job.result.get(part, "") for part in ("subject", "html", "text"))
        return View(source=PROVIDER, rendered=Rendered(subject, html, text), job=job)
    source = NOW if is_now else VERSION
    try:
        return View(source=source, rendered=await _rendered(context, person, mail, source), job=job)
    except NotShown as error:
        return View(source=source, rendered=None, job=job, problem=str(error))


async def _rendered(context: ConsoleContext, person: ContactTimeline, mail: PersonMail, source: str) -> Rendered:
    return await render(context, person, mail, version=mail.version if source == VERSION else None)


async def _read_mail(context: ConsoleContext, given: Mapping[str, str]) -> tuple[ContactTimeline, PersonMail]:
    """Return the person and the mail that a path names. Raises Problem 404 if one of them is unknown."""
    person = await read_person(context, given["id"])
    mail = next((one for one in (*person.mails, *person.call_mails) if one.name == given["mail"]), None)
    if mail is None:
        raise Problem(404, "The campaign has no such mail.", title="No such mail")
    return person, mail
