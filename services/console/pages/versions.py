"""The pages that show what the files or the previous version would change, and put one of them in force."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from common.versions.in_force import VersionAction
from services.console.campaigns.details import get_running_campaign
from services.console.campaigns.version_changes import MESSAGES, change_version, outcome_of, propose
from services.console.context import CONTEXT
from services.console.replies import page, see_other

COUNTING_REFRESH_S = "3"


async def show_plan(request: web.Request) -> web.Response:
    return await _show(request, "apply")


async def show_rollback(request: web.Request) -> web.Response:
    return await _show(request, "rollback")


async def apply(request: web.Request) -> web.Response:
    return await _change(request, "apply")


async def roll_back(request: web.Request) -> web.Response:
    return await _change(request, "rollback")


async def _show(request: web.Request, action: VersionAction) -> web.Response:
    context, key, answer = request.app[CONTEXT], request.match_info["name"], request.query.get("done", "")
    send_late = action == "apply" and request.query.get("late") == "yes"
    proposal = await propose(context, key, action, send_late=send_late)
    directory = context.settings.campaigns_dir
    response = page(
        request,
        "plan.html",
        campaign=get_running_campaign(context, key),
        proposal=proposal,
        plan=proposal.count.plan if proposal.count else None,
        directory=directory,
        notice=outcome_of(answer).notice if answer in MESSAGES else None,
        here="/campaigns",
    )
    if proposal.count is not None and not proposal.count.ended.is_set():
        response.headers["Refresh"] = COUNTING_REFRESH_S
    return response


async def _change(request: web.Request, action: VersionAction) -> web.Response:
    key, form = request.match_info["name"], await request.post()
    outcome = await change_version(
        request.app[CONTEXT],
        key,
        action,
        source=str(form.get("from", "")),
        target=str(form.get("to", "")),
        send_late=action == "apply" and form.get("late") == "yes",
    )
    back = "plan" if action == "apply" else "rollback"
    return see_other(f"/campaigns/{key}/{back}?{urlencode({'done': outcome.answer})}")
