"""What goes back: a page, JSON, or why not; and the policies that browsers are to keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from services.console.desk import DESK
from services.console.visitor import VISITOR
from services.console.words import FILTERS

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": PAGE_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Server": "advent",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


def make_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment


def page(request: web.Request, template: str, *, status: int = 200, **names: Any) -> web.Response:
    """A page of `templates/`; each knows who looks at it, when, and the token for its forms."""
    desk, visitor = request.app[DESK], VISITOR.get()
    html = desk.environment.get_template(template).render(
        now_ms=desk.clock.now_ms(),
        campaign_name=desk.campaign_name,
        has_login=desk.settings.console_token is not None,
        visitor=visitor,
        form_token=desk.sessions.form_token(visitor.session),
        **names,
    )
    return web.Response(text=html, status=status, content_type="text/html")


def see(where: str) -> web.Response:
    """Go on there, with GET. Not raised, as aiohttp has it: cookies and headers would be lost."""
    return web.Response(status=303, headers={"Location": where})


def problem(request: web.Request, status: int, title: str, detail: str, **headers: str) -> web.Response:
    """Why not: a page for a person, `application/problem+json` for a program."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/"):
        answer: web.Response = page(request, "problem.html", status=status, title=title, detail=detail)
        answer.headers.update(sent)
        return answer
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return web.Response(status=status, text=json.dumps(body), content_type="application/problem+json", headers=sent)
