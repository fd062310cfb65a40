"""The page of one person: answers, calls, past and future mails with their reasons, and the possible actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from common.domain.enrollment import Enrollment
from common.domain.ids import EnrollmentId, is_enrollment_id
from common.domain.series import Booking, BookingState
from common.ledger.console_jobs import new_job_id
from common.ledger.contacts import NOT_ERASED
from common.ledger.reads.contact_timeline import ContactTimeline, Entry, find_contacts, read_contact_timeline
from common.ledger.reads.person_mails import PersonMail
from services.console.context import CONTEXT, ConsoleContext
from services.console.decisions import ACTIONS, decide, notice_of
from services.console.mails.person_mail import ShownMail, person_time, shown_mails
from services.console.pages.dead_letters import notice_of as dead_letter_notice
from services.console.pages.dead_letters import replay_effect
from services.console.pages.unmarked_calls import notice_of as mark_notice
from services.console.replies import page, see_other
from services.console.unmarked_calls import ShownCall, show_call
from services.console.worker_jobs import is_forget_job
from services.web.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the timeline. `local`: the time where the person is. `mail`: the one to open, skip or send now."""

    at_ms: int
    local: datetime
    title: str
    subject: str
    state: str
    why: str
    mail: PersonMail | None = None


async def read_person(context: ConsoleContext, identity: str) -> ContactTimeline:
    """Return the timeline of an enrollment id. Raises Problem 404 if it is unknown."""
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
    others = [one for one in await find_contacts(context.ledger, person.email) if one.campaign != person.campaign]
    past, future = _rows(context, person, await shown_mails(context, person))
    return page(
        request,
        "person.html",
        contact=person,
        answers=_answers(person.enrollment) if person.enrollment else {},
        calls=[await _call(context, person, call.booking) for call in person.calls],
        others=others,
        past=past,
        future=future,
        suppressed=await context.ledger.suppressions.of(person.email),
        resting=await context.ledger.suppressions.resting(person.email),
        dead=await _dead_letters(context, person),
        new_job_id=new_job_id(),
        not_erased=NOT_ERASED,
        notice=notice_of(request.query) or dead_letter_notice(request.query) or mark_notice(request.query),
        here="",
    )


async def act(request: web.Request) -> web.Response:
    """
    Handle a form of the page; the next page shows the result.

    If an earlier click has forgotten the person, the next page shows what that did.
    """
    context, action, form = request.app[CONTEXT], request.match_info["action"], await request.post()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        person = await read_person(context, request.match_info["id"])
    except Problem:
        if action != "forget":
            raise
        job = fields.get("job", "")
        return see_other(f"/jobs/{job}" if await is_forget_job(context, job) else "/people?did=forget&done=already")
    if action not in ACTIONS:
        raise web.HTTPNotFound
    outcome = await decide(context, action, person, fields)
    if outcome.job:
        return see_other(f"/jobs/{outcome.job}")
    return see_other(f"/people/{person.enrollment_id}?did={action}&done={outcome.answer.replace(' ', '+')}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call. `local`: its start where the person is. `unmarked`: the effects of a mark, if the call needs one."""

    booking: Booking
    local: datetime | None
    unmarked: ShownCall | None


async def _call(context: ConsoleContext, person: ContactTimeline, booking: Booking) -> Call:
    is_unmarked = booking.state is BookingState.UNMARKED
    found = await context.ledger.unmarked_calls.get(booking.id) if is_unmarked else None
    return Call(
        booking=booking,
        local=person_time(context, person, booking.start_ms) if booking.start_ms else None,
        unmarked=await show_call(context, found) if found else None,
    )


def _answers(enrollment: Enrollment) -> Mapping[str, object]:
    """Return the answers that the contact gave, by the field's name with spaces."""
    given = enrollment.assessment
    names = (
        "business_name assessment_score gps_score money_score red_systems orange_systems yellow_systems green_systems"
        " weakest_system_1 weakest_system_2 strongest_system revenue_leak_total phone locale timezone"
    )
    values = {name: getattr(given, name) for name in names.split()} | dict(given.extra)
    return {name.replace("_", " "): value for name, value in values.items() if value not in (None, "")}


def _rows(
    context: ConsoleContext, person: ContactTimeline, shown: Mapping[str, ShownMail]
) -> tuple[list[Row], list[Row]]:
    """Return (what happened, oldest first; mails that will be sent, or never will be, by their due time)."""
    mails = {mail.delivery.id: mail for mail in (*person.mails, *person.call_mails)}
    past = []
    for entry in person.happened:
        mail = mails.get(entry.delivery.id) if entry.delivery is not None else None
        past.append(_past_row(context, person, entry, mail, shown))
    happened = {entry.delivery.id for entry in person.happened if entry.delivery is not None}
    future = [mail for mail in mails.values() if mail.is_to_come or mail.delivery.id not in happened]
    rows = [_mail_row(context, person, mail, shown) for mail in future]
    return past, sorted(rows, key=lambda row: row.at_ms)


def _past_row(
    context: ConsoleContext,
    person: ContactTimeline,
    entry: Entry,
    mail: PersonMail | None,
    shown: Mapping[str, ShownMail],
) -> Row:
    local = person_time(context, person, entry.at_ms)
    if mail is None or mail.is_to_come:
        return Row(at_ms=entry.at_ms, local=local, title=entry.what, subject="", state="", why=entry.detail)
    return Row(
        at_ms=entry.at_ms,
        local=local,
        title=shown[mail.name].title,
        subject=shown[mail.name].subject,
        state=entry.what.partition(f"{mail.delivery.label} ")[2] or entry.what,
        why="" if entry.detail == mail.provider_id else entry.detail,
        mail=mail,
    )


def _mail_row(
    context: ConsoleContext, person: ContactTimeline, mail: PersonMail, shown: Mapping[str, ShownMail]
) -> Row:
    return Row(
        at_ms=mail.at_ms,
        local=person_time(context, person, mail.at_ms),
        title=shown[mail.name].title,
        subject=shown[mail.name].subject,
        state=mail.state,
        why=mail.why,
        mail=mail,
    )


async def _dead_letters(context: ConsoleContext, person: ContactTimeline) -> list[tuple[PersonMail, str]]:
    """Return the person's mails and SMS that are dead letters, each with the effect of a replay."""
    found = []
    for mail in (*person.mails, *person.call_mails):
        letter = await context.ledger.dead_letters.get(mail.delivery.id) if mail.dead_since_ms is not None else None
        if letter is not None:
            found.append((mail, replay_effect(letter, now_ms=context.clock.now_ms())))
    return found
