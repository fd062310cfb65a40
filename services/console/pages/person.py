"""One person: what they answered, what happened, what is to come and why, each mail as it was or would be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.clock import utc_datetime
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, EnrollmentId, Step, is_enrollment_id
from common.ledger.reads.contact_timeline import ContactTimeline, Entry, find_contacts, read_contact_timeline
from common.ledger.reads.person_mails import PersonMail, read_person_mails
from services.console.context import CONTEXT, ConsoleContext
from services.console.decisions import ACTIONS, decide, message_of
from services.console.pages.dead_letters import message_of as dead_letter_message
from services.console.pages.dead_letters import replay_effect
from services.console.person_mail import campaign_for, campaigns_for, render, subject_of, title_of, zone_time
from services.console.replies import page, see_other
from services.web.problem import Problem

_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'"
"""Of a mail in its frame: no script, no form, no link that opens anything; styles are the mail's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the timeline; `local`: the time where the person is. `mail`: what can be looked at or decided."""

    at_ms: int
    local: datetime
    title: str
    subject: str
    state: str
    why: str
    mail: PersonMail | None = None


async def read_person(context: ConsoleContext, identity: str) -> ContactTimeline:
    """Raises Problem 404."""
    now_ms = context.clock.now_ms()
    found = (
        await read_contact_timeline(context.ledger, EnrollmentId(identity), now_ms=now_ms)
        if is_enrollment_id(identity)
        else None
    )
    if found is None:
        raise _unknown_contact()
    return found


def _unknown_contact() -> Problem:
    return Problem(404, "No contact of this campaign has this id.", title="No such contact")


async def show(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    person = await read_person(context, request.match_info["id"])
    enrollment = person.enrollment
    others = [one for one in await find_contacts(context.ledger, person.email) if one.campaign != person.campaign]
    campaigns = await campaigns_for(context, enrollment, person.mails) if enrollment else {}
    past, future = _rows(context, person, campaigns)
    done = request.query.get("did", ""), request.query.get("done", "")
    return page(
        request,
        "person.html",
        contact=person,
        enrollment=enrollment,
        answers=_answers(enrollment) if enrollment else {},
        calls=person.calls,
        others=others,
        past=past,
        future=future,
        suppressed=await context.ledger.suppressions.of(person.email),
        resting=await context.ledger.suppressions.resting(person.email),
        dead=await _dead_letters(context, person),
        message=message_of(*done) or dead_letter_message(request),
        here="",
    )


async def act(request: web.Request) -> web.Response:
    """A form of the page; the next page says what was done."""
    context, action, form = request.app[CONTEXT], request.match_info["action"], await request.post()
    person = await read_person(context, request.match_info["id"])
    if action not in ACTIONS or person.enrollment is None:
        raise web.HTTPNotFound
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    outcome = await decide(context, action, person.enrollment, fields)
    back = "/people" if action == "forget" and outcome.is_done else f"/people/{person.enrollment.id}"
    return see_other(f"{back}?did={action}&done={outcome.answer.replace(' ', '+')}")


async def show_mail(request: web.Request) -> web.Response:
    """Around the mail: which one, in which state, and its text part."""
    context = request.app[CONTEXT]
    enrollment, mail = await _mail_of(context, request)
    campaign = await campaign_for(context, enrollment, mail.version)
    rendered, problem = None, ""
    try:
        rendered = render(context, campaign, enrollment, mail) if campaign else None
    except CampaignError as error:
        problem = str(error)
    except IndexError:
        problem = "The version of the campaign in force has no such mail any more."
    response = page(
        request,
        "person_mail.html",
        enrollment=enrollment,
        mail=mail,
        title=title_of(campaign, mail.step),
        rendered=rendered,
        problem=problem,
        local=zone_time(campaign, enrollment, mail.at_ms),
        here="",
    )
    response.headers["Content-Security-Policy"] = _FRAMING_POLICY
    return response


async def show_mail_body(request: web.Request) -> web.Response:
    """The HTML part alone, for the frame."""
    context = request.app[CONTEXT]
    enrollment, mail = await _mail_of(context, request)
    campaign = await campaign_for(context, enrollment, mail.version)
    try:
        html = render(context, campaign, enrollment, mail).html if campaign else ""
    except (CampaignError, IndexError):
        html = ""
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return web.Response(text=html, content_type="text/html", headers=headers)


_FRAMING_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def _mail_of(context: ConsoleContext, request: web.Request) -> tuple[Enrollment, PersonMail]:
    """Raises Problem 404."""
    identity, name, ledger = request.match_info["id"], request.match_info["mail"], context.ledger
    enrollment = await ledger.enrollments.get(identity) if is_enrollment_id(identity) else None
    if enrollment is None:
        raise _unknown_contact()
    mails = await read_person_mails(ledger, enrollment, await ledger.pauses.active(), now_ms=context.clock.now_ms())
    mail = next((mail for mail in mails if mail.name == name), None)
    if mail is None:
        raise Problem(404, "The campaign has no such mail.", title="No such mail")
    return enrollment, mail


def _answers(enrollment: Enrollment) -> Mapping[str, object]:
    """What they answered, as far as they did, by the field's name in words."""
    given = enrollment.assessment
    names = (
        "business_name assessment_score gps_score money_score red_systems orange_systems yellow_systems green_systems"
        " weakest_system_1 weakest_system_2 strongest_system revenue_leak_total phone locale timezone"
    )
    values = {name: getattr(given, name) for name in names.split()} | dict(given.extra)
    return {name.replace("_", " "): value for name, value in values.items() if value not in (None, "")}


Campaigns = Mapping[str | None, Campaign | None]
"""By the version that rendered a mail."""


def _rows(context: ConsoleContext, person: ContactTimeline, campaigns: Campaigns) -> tuple[list[Row], list[Row]]:
    """(What happened, oldest first; what is to come, soonest first.)"""
    enrollment, mails = person.enrollment, {mail.step: mail for mail in person.mails}
    past = []
    shown: set[Step] = set()
    for entry in person.happened:
        mail = mails.get(entry.step) if entry.step is not None else None
        past.append(_past_row(context, person, entry, mail, campaigns))
        if mail is not None:
            shown.add(mail.step)
    left_out = [mail for mail in person.mails if not mail.is_to_come and mail.step not in shown]
    if enrollment is None:
        planned = person.next
        return past, [_plain(context, person, one.due_ms, one.what, "") for one in planned]
    to_come = [mail for mail in person.mails if mail.is_to_come]
    future = [_mail_row(context, enrollment, mail, campaigns) for mail in [*to_come, *left_out]]
    future += [
        _plain(context, person, one.due_ms, one.what, "before the call that is booked")
        for one in person.next
        if not one.what.startswith("step ")
    ]
    return past, sorted(future, key=lambda row: row.at_ms)


def _past_row(
    context: ConsoleContext, person: ContactTimeline, entry: Entry, mail: PersonMail | None, campaigns: Campaigns
) -> Row:
    if mail is None or person.enrollment is None or mail.is_to_come:
        return _plain(context, person, entry.at_ms, entry.what, entry.detail)
    row = _mail_row(context, person.enrollment, mail, campaigns)
    state = entry.what.partition(f"step {mail.step} ")[2] or entry.what
    why = "" if entry.detail == mail.provider_id else entry.detail
    return Row(
        at_ms=entry.at_ms,
        local=_local(context, person, entry.at_ms),
        title=row.title,
        subject=row.subject,
        state=state,
        why=why,
        mail=mail,
    )


def _mail_row(context: ConsoleContext, enrollment: Enrollment, mail: PersonMail, campaigns: Campaigns) -> Row:
    campaign = campaigns[mail.version]
    return Row(
        at_ms=mail.at_ms,
        local=zone_time(campaign, enrollment, mail.at_ms),
        title=title_of(campaign, mail.step),
        subject=subject_of(context, campaign, enrollment, mail),
        state=mail.state,
        why=mail.why,
        mail=mail,
    )


def _plain(context: ConsoleContext, person: ContactTimeline, at_ms: int, what: str, detail: str) -> Row:
    return Row(at_ms=at_ms, local=_local(context, person, at_ms), title=what, subject="", state="", why=detail)


def _local(context: ConsoleContext, person: ContactTimeline, at_ms: int) -> datetime:
    enrollment = person.enrollment
    if enrollment is None:
        return utc_datetime(at_ms)
    return zone_time(context.played(enrollment.campaign), enrollment, at_ms)


async def _dead_letters(context: ConsoleContext, person: ContactTimeline) -> list[tuple[PersonMail, str]]:
    """Those of their mails, each with what a replay would do."""
    found = []
    for mail in person.mails:
        if mail.dead_since_ms is None or person.enrollment is None:
            continue
        letter = await context.ledger.dead_letters.get(DeliveryId(f"{person.enrollment.id}/{mail.name}"))
        if letter is not None:
            found.append((mail, replay_effect(letter, now_ms=context.clock.now_ms())))
    return found
