"""Responses: a page, a redirect, or a problem as a page or as JSON."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from common.settings.settings import Settings
from services.console.auth.access import PRINCIPAL
from services.console.context import CONTEXT
from services.console.notice import Notice
from services.web.problem import Problem


def page(
    request: web.Request, template: str, *, status: int = 200, notice: Notice | None = None, **values: Any
) -> web.Response:
    """
    Render a template of `templates/`. Every page also gets the principal, the time and the token for its forms.

    `notice`: the result of the action that led to the page.
    """
    context, principal = request.app[CONTEXT], PRINCIPAL.get()
    html = context.environment.get_template(template).render(
        now_ms=context.clock.now_ms(),
        campaign_name=context.campaign_name,
        has_login=bool(context.logins),
        banners=banners(context.settings),
        principal=principal,
        notice=notice,
        form_token=context.sessions.form_token(principal.session),
        **values,
    )
    return web.Response(text=html, status=status, content_type="text/html")


def banners(settings: Settings) -> list[tuple[str, str]]:
    """Return (name, meaning) of each setting that makes mail differ from a real campaign; every page shows them."""
    found = []
    if not settings.resend_is_real:
        found.append(("Sandbox", "no mail leaves this machine"))
    if settings.testing_mode:
        to_whom = "" if not settings.resend_is_real else ", and only TESTING_RECIPIENTS get mail"
        found.append(("Test mode", f"minutes instead of days{to_whom}"))
    if settings.campaign_speed != 1:
        found.append((f"Pace {settings.campaign_speed:g}", "every step and reminder is due that many times sooner"))
    return found


def see_other(location: str) -> web.Response:
    """Return a 303 redirect. It must be returned, because aiohttp drops cookies and headers of a raised response."""
    return web.Response(status=303, headers={"Location": location})


def problem_response(request: web.Request, problem: Problem) -> web.Response:
    """Answer a browser with a page, and a program with `application/problem+json`."""
    if "text/html" not in request.headers.get("Accept", "") or request.path.startswith("/api/"):
        return problem.response()
    response = page(request, "problem.html", status=problem.status, title=problem.title, detail=problem.detail)
    response.headers.update(problem.headers)
    return response
