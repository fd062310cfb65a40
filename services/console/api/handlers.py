"""The JSON API: the same reads and actions as the pages, for programs with `Authorization: Bearer`."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from common.clock import iso
from common.domain.person_search import ListedPerson
from common.domain.projection import page_url
from common.ledger.reads.contact_timeline import ContactTimeline
from common.ledger.reads.schedule import Span
from services.console import decisions
from services.console.api import models
from services.console.api.replies import answer, limit_of, read_body
from services.console.context import CONTEXT, ConsoleContext
from services.console.dead_letters import decisions as dead_letter_decisions
from services.console.dead_letters import groups as dead_letter_groups
from services.console.mails.person_mail import shown_mails
from services.console.mails.scheduled import find_scheduled, read_schedule_filter
from services.console.pages import actions as action_log
from services.console.pages import people as people_page
from services.console.pages import schedule as schedule_page
from services.console.pages.person import read_person
from services.console.paging import first_of
from services.console.worker_jobs import read_job, request_test, state_of
from services.web.problem import Problem


async def people(request: web.Request) -> web.Response:
    """Return people. The query has the filters of the page and `limit`."""
    context, query = request.app[CONTEXT], people_page.query_of(request.query)
    found, total = await people_page.find_page(context, query, first_of(request), limit_of(request))
    listed = [_listed(person) for person in found]
    return answer(models.People(total=total, is_complete=context.people.is_complete, people=listed))


async def person(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    found = await read_person(context, request.match_info["id"])
    suppressed = await context.ledger.suppressions.of(found.email)
    return answer(
        models.PersonDetails(
            enrollment_id=found.enrollment_id,
            campaign=found.campaign,
            email=found.email,
            first_name=found.first_name,
            segment=found.segment,
            status=str(found.status),
            exit_reason=found.exit_reason,
            language=found.language,
            paused=found.paused is not None,
            suppressed=str(suppressed.reason) if suppressed else None,
            happened=[
                models.TimelineEntry(at=iso(one.at_ms), what=one.what, detail=one.detail) for one in found.happened
            ],
            mails=await _mails(context, found),
        )
    )


async def decide(request: web.Request) -> web.Response:
    """Carry out one of `decisions.ACTIONS`. The status is 200 even if nothing was done; `answer` then says why."""
    context, action = request.app[CONTEXT], request.match_info["action"]
    found = await read_person(context, request.match_info["id"])
    if action not in decisions.ACTIONS:
        raise Problem(404, f"The actions are {', '.join(decisions.ACTIONS)}.", title="No such action")
    given = await read_body(request, models.Decision)
    outcome = await decisions.decide(context, action, found, given.model_dump())
    return answer(
        models.DecisionResult(
            done=outcome.is_done, answer=outcome.answer, message=outcome.message, job=outcome.job or None
        )
    )


async def dead_letters(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    letters = await context.dead_letters.refresh()
    groups = dead_letter_groups.groups_of(letters, now_ms=context.clock.now_ms())
    first = first_of(request)
    found = await context.ledger.dead_letters.of([one.id for one in letters[first : first + limit_of(request)]])
    return answer(
        models.DeadLetters(
            total=context.dead_letters.total,
            groups=[
                models.DeadLetterGroup(reason=one.reason, number=one.number, replay=one.replay_effect) for one in groups
            ],
            dead_letters=[
                models.DeadLetterItem(
                    id=one.id,
                    enrollment_id=one.contact_id,
                    reason=one.reason,
                    attempts=one.attempts,
                    dead_since=iso(one.dead_since_ms),
                    may_have_been_accepted=one.outcome_unknown,
                )
                for one in found.values()
            ],
        )
    )


async def replay(request: web.Request) -> web.Response:
    return await _decide_many(request, "replay")


async def discard(request: web.Request) -> web.Response:
    return await _decide_many(request, "discard")


async def _decide_many(request: web.Request, verb: dead_letter_decisions.Verb) -> web.Response:
    given = await read_body(request, models.DeadLetterChoice)
    if [given.ids is not None, given.reason is not None, given.all].count(True) != 1:
        raise Problem(422, "Give `ids`, or `reason`, or `all`: one of them.", title="Which dead letters?")
    chosen = dict.fromkeys(given.ids) if given.ids is not None else None
    decision = await dead_letter_decisions.decide_many(
        request.app[CONTEXT], verb, reason=given.reason, chosen=chosen, waits_for_end=True
    )
    return answer(models.DeadLetterResult(**dict(decision.done)))


async def actions(request: web.Request) -> web.Response:
    found = await request.app[CONTEXT].ledger.action_log.newest(
        action_log.filter_of(request.query), first=first_of(request), number=limit_of(request)
    )
    items = [
        models.ActionItem(
            at=iso(one.at_ms),
            by=one.by,
            via=one.via,
            what=one.what,
            on=list(one.on),
            before=one.before,
            after=one.after,
        )
        for one in found
    ]
    return answer(models.Actions(actions=items))


async def schedule(request: web.Request) -> web.Response:
    found = (await schedule_page.read_schedule(request.app[CONTEXT])).only(
        request.query.get("campaign", ""), request.query.get("segment", "")
    )
    return answer(
        models.ScheduleOverview(
            overdue=found.overdue,
            hours=[_span(span) for span in found.hours],
            days=[_span(span) for span in found.days],
        )
    )


async def scheduled_mails(request: web.Request) -> web.Response:
    context = request.app[CONTEXT]
    wanted = read_schedule_filter(request, now_ms=context.clock.now_ms())
    found, total = await find_scheduled(context, wanted, first=first_of(request), number=limit_of(request))
    mails = [
        models.ScheduledMail(
            enrollment_id=one.contact,
            mail=one.mail,
            name=one.title,
            at=iso(one.at_ms),
            campaign=one.campaign,
            segment=one.segment,
        )
        for one in found
    ]
    return answer(models.ScheduledMailList(total=total, mails=mails))


async def decide_scope(request: web.Request) -> web.Response:
    given = await read_body(request, models.ScopeChoice)
    done: Any = await schedule_page.decide(
        request.app[CONTEXT], request.match_info["action"], {"scope": given.scope, "reason": given.reason}
    )
    return answer(models.ScopeResult(answer=done))


async def send_test(request: web.Request) -> web.Response:
    given, context = await read_body(request, models.TestMail), request.app[CONTEXT]
    return await _job(context, await request_test(context, given.model_dump()))


async def job(request: web.Request) -> web.Response:
    return await _job(request.app[CONTEXT], request.match_info["id"])


async def _job(context: ConsoleContext, job_id: str) -> web.Response:
    found = await read_job(context, job_id)
    return answer(
        models.Job(
            job=found.id,
            kind=found.kind,
            state=state_of(found),
            by=found.by,
            asked=iso(found.asked_ms),
            ended=iso(found.ended_ms) if found.ended_ms is not None else None,
            failure=found.failure,
            provider_id=found.result.get("provider_id", ""),
            waits=found.waits,
            note=found.result.get("note", ""),
            notion_pages=[page_url(page) for page in found.arguments.get("pages", "").split()],
        )
    )


async def _mails(context: ConsoleContext, found: ContactTimeline) -> list[models.MailState]:
    shown = await shown_mails(context, found)
    return [
        models.MailState(
            mail=mail.name,
            name=shown[mail.name].title,
            subject=shown[mail.name].subject,
            channel=mail.delivery.channel,
            at=iso(mail.at_ms),
            state=mail.state,
            why=mail.why,
            to_come=mail.is_to_come,
            may_skip=mail.may_skip,
            may_send_now=mail.may_send_now,
        )
        for mail in (*found.mails, *found.call_mails)
    ]


def _listed(person: ListedPerson) -> models.Person:
    return models.Person(
        enrollment_id=person.id,
        campaign=person.campaign,
        email=person.email,
        first_name=person.first_name,
        business_name=person.business_name,
        segment=person.segment,
        status=person.status,
        exit_reason=person.exit_reason,
        language=person.language,
        signed_up=iso(person.signed_up_ms),
        next_step=person.next_step,
        next_due=iso(person.next_due_ms) if person.next_due_ms else None,
        booked=person.is_booked,
    )


def _span(span: Span) -> models.ScheduledSpan:
    mails = [
        models.ScheduledMails(campaign=campaign, segment=segment, mails=number)
        for (campaign, segment), number in sorted(span.mails.items())
    ]
    return models.ScheduledSpan(start=iso(span.from_ms), until=iso(span.until_ms), number=span.number, mails=mails)
