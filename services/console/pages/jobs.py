"""Pages of jobs that a user requested from a worker: a form requests one, and a page shows its result."""

from __future__ import annotations

import re

from aiohttp import web

from common.ledger.console_jobs import JobKind
from common.ledger.contacts import NOT_ERASED
from services.console.context import CONTEXT
from services.console.decisions import message_of
from services.console.replies import page, see_other
from services.console.worker_jobs import read_job, request_test, state_of

_OWN_PATH = re.compile(r"/[\w.~-]+(?:/[\w.~-]+)*(?:\?[\w.~%+=&-]*)?")


async def send_test(request: web.Request) -> web.Response:
    """Request a test mail. The field `back` is the page with the form."""
    form = await request.post()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return see_other(f"/jobs/{await request_test(request.app[CONTEXT], fields)}")


async def show(request: web.Request) -> web.Response:
    job = await read_job(request.app[CONTEXT], request.match_info["job"])
    state = state_of(job)
    if job.kind is JobKind.FORGET:
        return page(
            request,
            "forgotten.html",
            job=job,
            state=state,
            rows=job.arguments["pages"].split(),
            not_erased=NOT_ERASED,
            message=message_of("forget", "done" if state == "asked" else "ended"),
            here="",
        )
    if job.kind is not JobKind.SEND_TEST:
        raise web.HTTPNotFound
    back = job.arguments.get("back", "")
    return page(request, "job.html", job=job, state=state, back=back if _OWN_PATH.fullmatch(back) else "/", here="")
