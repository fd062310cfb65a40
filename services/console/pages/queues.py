"""Queues and workers, and the jobs that failed: requeued or deleted by a click."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from common.ledger.constants import QUEUES
from services.console.acting import record_action
from services.console.context import CONTEXT
from services.console.paging import first_of
from services.console.replies import page, see_other

PAGE_SIZE = 25
_MESSAGES = {
    "requeue": "Requeued: a worker runs it as soon as one is free.",
    "delete": "Deleted: it never runs again. What it was to send is scheduled anew where that is still due.",
    "gone": "Nothing was done: that job is no failed one any longer.",
}


async def show(request: web.Request) -> web.Response:
    """`?queue=`: the failed jobs of one queue."""
    context, first, queue = request.app[CONTEXT], first_of(request), request.query.get("queue", "")
    status = await context.status_cache.newest()
    chosen = (queue,) if queue in QUEUES else QUEUES
    jobs, total = await context.ledger.failed_jobs.newest(queues=chosen, first=first, number=PAGE_SIZE)

    def at(index: int) -> str:
        query = {"queue": queue} if queue in QUEUES else {}
        return f"/queues?{urlencode(query | {'from': index})}"

    return page(
        request,
        "queues.html",
        stats=status.snapshot.stats if status.snapshot else None,
        jobs=jobs,
        total=total,
        queue=queue if queue in QUEUES else "",
        newer=at(max(0, first - PAGE_SIZE)) if first else None,
        older=at(first + PAGE_SIZE) if first + PAGE_SIZE < total else None,
        message=_MESSAGES.get(request.query.get("done", ""), ""),
        here="/queues",
    )


async def requeue(request: web.Request) -> web.Response:
    return await _act(request, "requeue")


async def delete(request: web.Request) -> web.Response:
    return await _act(request, "delete")


async def _act(request: web.Request, what: str) -> web.Response:
    context, form = request.app[CONTEXT], await request.post()
    queue, job = form.get("queue"), form.get("job")
    if not isinstance(queue, str) or not isinstance(job, str) or not job or queue not in QUEUES:
        raise web.HTTPBadRequest
    failed = context.ledger.failed_jobs
    done = await (failed.requeue(queue, job) if what == "requeue" else failed.delete(queue, job))
    if done:
        await record_action(context, f"{what} job", [f"{queue}/{job}"], before="failed", after=f"{what}d")
    context.status_cache.invalidate()
    return see_other(f"/queues?{urlencode({'done': what if done else 'gone'})}")
