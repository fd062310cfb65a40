"""The JSON API of queues and of work that waits for an operator: failed jobs, held signups, unmarked calls."""

from __future__ import annotations

from collections import Counter
from typing import Final

from aiohttp import web

from common.clock import iso
from common.domain.ids import EnrollmentId, is_enrollment_id
from common.ledger import keys
from common.ledger.constants import QUEUES
from common.ledger.failed_jobs import FailedJob
from services.console.api import trouble_models as models
from services.console.api.operation import PAGED, Operation
from services.console.api.replies import answer, limit_of, read_body
from services.console.context import CONTEXT
from services.console.failed_jobs import DONE, GROUPED_MAX, JobChoice, Verb, decide_jobs, groups_of
from services.console.pages import held_signups as held_signups_page
from services.console.paging import first_of
from services.console.unmarked_calls import mark_call, show_calls
from services.web.problem import Problem

CALLS_MAX: Final = 100
"""Calls in one answer. The effects of a mark cost the store several commands for each call."""


async def queues(request: web.Request) -> web.Response:
    snapshot = (await request.app[CONTEXT].status_cache.newest()).snapshot
    if snapshot is None:
        raise Problem(503, "The store is being read: try again in a moment.", title="Nothing is known yet")
    return answer(
        models.Queues(
            queues=[
                models.QueueItem(
                    queue=name,
                    delayed=one.scheduled,
                    ready=one.due + one.ready,
                    in_flight=one.in_flight,
                    failed=one.failed,
                    oldest_ms=one.oldest_ms,
                )
                for name, one in snapshot.stats.queues.items()
            ],
            workers=[
                models.WorkerItem(worker=one.id, alive=one.is_alive, silent_ms=one.silent_ms, in_flight=one.in_flight)
                for one in snapshot.stats.workers
            ],
        )
    )


async def failed_jobs(request: web.Request) -> web.Response:
    failed, chosen = request.app[CONTEXT].ledger.failed_jobs, _queues_of(request.query.get("queue"))
    jobs, total = await failed.newest(queues=chosen, first=first_of(request), number=limit_of(request))
    grouped, _ = await failed.newest(queues=chosen, first=0, number=GROUPED_MAX)
    groups = [models.FailedJobGroup(actor=one.actor, error=one.error, number=one.number) for one in groups_of(grouped)]
    return answer(
        models.FailedJobs(total=total, grouped=len(grouped), groups=groups, jobs=[_failed_job(one) for one in jobs])
    )


async def decide_failed_jobs(request: web.Request) -> web.Response:
    verb: Verb | None = next((one for one in DONE if one == request.match_info["action"]), None)
    if verb is None:
        raise _no_such_action(*DONE)
    given = await read_body(request, models.FailedJobChoice)
    is_vague = [given.jobs is not None, bool(given.actor), given.all].count(True) != 1
    if is_vague or (given.error is not None and not given.actor):
        raise Problem(422, "Give `jobs`, or `actor` with or without `error`, or `all`.", title="Which failed jobs?")
    choice = JobChoice(
        queues=_queues_of(given.queue),
        actor=given.actor or "",
        error=given.error,
        jobs={(one.queue, one.id) for one in given.jobs} if given.jobs is not None else None,
    )
    decision = await decide_jobs(request.app[CONTEXT], verb, choice, waits_for_end=True)
    return answer(models.FailedJobResult(**dict(decision.done)))


async def held_signups(request: web.Request) -> web.Response:
    ledger = request.app[CONTEXT].ledger
    found = await ledger.held_signups.newest(first=first_of(request), number=limit_of(request))
    signups = [
        models.HeldSignupItem(
            enrollment_id=one.enrollment_id,
            email=one.email,
            first_name=one.first_name,
            received=iso(one.received_ms),
            bound=one.bound,
            visitor=one.visitor,
        )
        for one in found
    ]
    return answer(models.HeldSignups(total=int(await ledger.client.zcard(keys.HELD)), signups=signups))


async def decide_held_signups(request: web.Request) -> web.Response:
    actions: dict[str, held_signups_page.Done] = {"release": "released", "discard": "discarded"}
    done = actions.get(request.match_info["action"])
    if done is None:
        raise _no_such_action(*actions)
    context, given = request.app[CONTEXT], await read_body(request, models.HeldSignupChoice)
    if [given.ids is not None, bool(given.visitor), given.all].count(True) != 1:
        raise Problem(422, "Give `ids`, or `visitor`, or `all`: one of them.", title="Which held signups?")
    if wrong := [id for id in given.ids or () if not is_enrollment_id(id)]:
        raise Problem(422, f"{wrong[0]!r} in `ids` is not an enrollment id.", title="Which held signups?")
    if given.ids is not None:
        chosen = [EnrollmentId(id) for id in given.ids]
    else:
        chosen = await held_signups_page.held_signup_ids(context.ledger, given.visitor or None)
    return answer(models.HeldSignupResult(decided=await held_signups_page.decide(context, done, chosen)))


async def unmarked_calls(request: web.Request) -> web.Response:
    context, first = request.app[CONTEXT], first_of(request)
    found = await context.ledger.unmarked_calls.read_all()
    shown = await show_calls(context, found[first : first + min(limit_of(request), CALLS_MAX)])
    calls = [
        models.UnmarkedCallItem(
            id=one.call.id,
            enrollment_id=one.call.contact,
            email=one.call.booking.email or "",
            first_name=one.call.booking.first_name or "",
            title=one.call.booking.title or "",
            ended=iso(one.call.end_ms),
            effects=one.effects,
        )
        for one in shown
    ]
    return answer(models.UnmarkedCalls(total=len(found), calls=calls))


async def mark_unmarked_calls(request: web.Request) -> web.Response:
    context, given = request.app[CONTEXT], await read_body(request, models.CallMarks)
    answers = Counter([await mark_call(context, id, given.mark) for id in dict.fromkeys(given.ids)])
    return answer(
        models.CallMarkResult(marked=answers[given.mark], before=answers["before"], unknown=answers["unknown"])
    )


def _queues_of(name: str | None) -> tuple[str, ...]:
    """Return the named queue, or all queues for no name. Raises Problem 422 for an unknown queue."""
    if not name:
        return QUEUES
    if name not in QUEUES:
        raise Problem(422, f"`queue` must be one of {', '.join(QUEUES)}.", title="No such queue")
    return (name,)


def _no_such_action(*actions: str) -> Problem:
    return Problem(404, f"The actions are {', '.join(actions)}.", title="No such action")


def _failed_job(job: FailedJob) -> models.FailedJobItem:
    return models.FailedJobItem(
        queue=job.queue,
        id=job.id,
        actor=job.actor,
        args=[*job.args],
        failed=iso(job.failed_ms),
        error=job.error,
        traceback=job.traceback,
    )


OPERATIONS: Final = (
    Operation(
        method="get",
        path="/api/queues",
        handler=queues,
        summary="Each queue with its depth, and the workers.",
        answer=models.Queues,
    ),
    Operation(
        method="get",
        path="/api/failed-jobs",
        handler=failed_jobs,
        summary="Failed jobs by actor and error, and the newest of them.",
        answer=models.FailedJobs,
        query=("queue", *PAGED),
    ),
    Operation(
        method="post",
        path="/api/failed-jobs/{action}",
        handler=decide_failed_jobs,
        summary="requeue or delete some failed jobs, all of an actor or of one of its errors, or all.",
        answer=models.FailedJobResult,
        body=models.FailedJobChoice,
    ),
    Operation(
        method="get",
        path="/api/held-signups",
        handler=held_signups,
        summary="Signups that exceeded a limit, newest first.",
        answer=models.HeldSignups,
        query=PAGED,
    ),
    Operation(
        method="post",
        path="/api/held-signups/{action}",
        handler=decide_held_signups,
        summary="release or discard some held signups, all of one visitor, or all.",
        answer=models.HeldSignupResult,
        body=models.HeldSignupChoice,
    ),
    Operation(
        method="get",
        path="/api/unmarked-calls",
        handler=unmarked_calls,
        summary=f"Calls that are over and unmarked, oldest first, at most {CALLS_MAX}.",
        answer=models.UnmarkedCalls,
        query=PAGED,
    ),
    Operation(
        method="post",
        path="/api/unmarked-calls/mark",
        handler=mark_unmarked_calls,
        summary="Mark calls as completed or as no-show.",
        answer=models.CallMarkResult,
        body=models.CallMarks,
    ),
)
