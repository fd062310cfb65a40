"""Responses: a page, a redirect, or a problem as a page or as JSON."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.console.auth.access import PRINCIPAL
from services.console.context import CONTEXT
from services.web.problem import Problem


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page of `templates/`. Each gets the principal, the time and the token for its forms."""
    context, principal = request.app[CONTEXT], PRINCIPAL.get()
    html = context.environment.get_template(template).render(
        now_ms=context.clock.now_ms(),
        campaign_name=context.campaign_name,
        has_login=context.settings.console_token is not None,
        principal=principal,
        form_token=context.sessions.form_token(principal.session),
        **values,
    )
    return web.Response(text=html, status=status, content_type="text/html")


def see_other(location: str) -> web.Response:
    """303. Returned and not raised, since aiohttp drops the cookies and headers of a raised response."""
    return web.Response(status=303, headers={"Location": location})


def problem_response(request: web.Request, problem: Problem) -> web.Response:
    """A page for a browser, `application/problem+json` for a program."""
    if "text/html" not in request.headers.get("Accept", "") or request.path.startswith("/api/"):
        return problem.response()
    response = page(request, "problem.html", status=problem.status, title=problem.title, detail=problem.detail)
    response.headers.update(problem.headers)
    return response
