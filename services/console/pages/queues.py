"""The page of queues, workers and failed jobs. One job, all of an actor or error, or all can be requeued or deleted."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from common.ledger.constants import QUEUES
from services.console.bulk_decisions import notice_of_numbers
from services.console.context import CONTEXT
from services.console.failed_jobs import GROUPED_MAX, JobChoice, Verb, decide_job, decide_jobs, groups_of
from services.console.notice import Notice
from services.console.paging import first_of
from services.console.replies import page, see_other

PAGE_SIZE = 25
_NOTICES = {
    "requeue": Notice("Requeued: a worker runs it as soon as one is free."),
    "delete": Notice(
        "Deleted: it never runs again. A mail that it should have sent is scheduled again if it is still due."
    ),
    "gone": Notice("Nothing was done: that job is no longer a failed job.", is_done=False),
    "none": Notice("Nothing was done: none of these is still a failed job.", is_done=False),
}
_OUTCOMES = {
    "requeued": "requeued: to run as soon as a worker is free",
    "deleted": "deleted: never to run again; mail that is still due is scheduled again",
    "gone": "left out, because no longer failed",
}


async def show(request: web.Request) -> web.Response:
    """Show queues, workers and failed jobs; with `?queue=`, only the failed jobs of one queue."""
    context, first, queue = request.app[CONTEXT], first_of(request), request.query.get("queue", "")
    status = await context.status_cache.newest()
    chosen = (queue,) if queue in QUEUES else QUEUES
    jobs, total = await context.ledger.failed_jobs.newest(queues=chosen, first=first, number=PAGE_SIZE)
    grouped, _ = await context.ledger.failed_jobs.newest(queues=chosen, first=0, number=GROUPED_MAX)

    def at(index: int) -> str:
        query = {"queue": queue} if queue in QUEUES else {}
        return f"/queues?{urlencode(query | {'from': index})}"

    return page(
        request,
        "queues.html",
        stats=status.snapshot.stats if status.snapshot else None,
        jobs=jobs,
        total=total,
        groups=groups_of(grouped),
        not_grouped=total - len(grouped),
        bulk=context.job_decisions.shown(),
        outcomes=_OUTCOMES,
        queue=queue if queue in QUEUES else "",
        newer=at(max(0, first - PAGE_SIZE)) if first else None,
        older=at(first + PAGE_SIZE) if first + PAGE_SIZE < total else None,
        notice=_NOTICES.get(request.query.get("done", "")) or notice_of_numbers(request.query, _OUTCOMES),
        here="/queues",
    )


async def requeue(request: web.Request) -> web.Response:
    return await _act(request, "requeue")


async def delete(request: web.Request) -> web.Response:
    return await _act(request, "delete")


async def requeue_many(request: web.Request) -> web.Response:
    return await _act_on_many(request, "requeue")


async def delete_many(request: web.Request) -> web.Response:
    return await _act_on_many(request, "delete")


async def _act(request: web.Request, what: Verb) -> web.Response:
    context, form = request.app[CONTEXT], await request.post()
    queue, job = form.get("queue"), form.get("job")
    if not isinstance(queue, str) or not isinstance(job, str) or not job or queue not in QUEUES:
        raise web.HTTPBadRequest
    is_done = await decide_job(context, what, queue, job)
    return see_other(f"/queues?{urlencode({'done': what if is_done else 'gone'})}")


async def _act_on_many(request: web.Request, what: Verb) -> web.Response:
    """Decide on the failed jobs of one `actor`, on those of one `error` of it, or on `all`; `queue` restricts them."""
    form = await request.post()
    actor, error, queue = (form.get(name) for name in ("actor", "error", "queue"))
    is_all = form.get("all") == "yes"
    if is_all == bool(actor) or queue not in (None, "", *QUEUES):
        raise web.HTTPBadRequest
    choice = JobChoice(
        queues=(str(queue),) if queue else QUEUES,
        actor=str(actor or ""),
        error=error if isinstance(error, str) and not is_all else None,
    )
    decision = await decide_jobs(request.app[CONTEXT], what, choice)
    if decision.ended_ms is None:
        return see_other("/queues")
    return see_other(f"/queues?{urlencode(dict(decision.done) or {'done': 'none'})}")
