"""Renders HTML pages under a policy that loads nothing from outside, and mails in an isolated frame."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from common.clock import utc_datetime
from services.web.security_headers import PAGE_HEADERS, add_security_headers

FOLDER = Path(__file__).parent.parent

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; frame-ancestors 'self'"
)
"""`sandbox` without allow-scripts and allow-same-origin: a mail cannot act outside its frame. Links may open a tab."""
HEADERS = {**PAGE_HEADERS, "Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"}
MAIL_HEADERS = {
    "Content-Security-Policy": MAIL_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(environment: jinja2.Environment, template: str, status: int = 200, **values: Any) -> web.Response:
    html = environment.get_template(template).render(**values)
    response = web.Response(text=html, status=status, content_type="text/html")
    add_security_headers(response.headers, HEADERS)
    return response


def mail_frame(html: str) -> web.Response:
    """Return a mail's own HTML, isolated. The `base` element makes its links open a new tab."""
    return web.Response(text=f'<base target="_blank">{html}', content_type="text/html", headers=MAIL_HEADERS)


def clock_time(ms: int) -> str:
    return f"{utc_datetime(ms):%H:%M:%S}"


def day(ms: int, now_ms: int) -> str:
    """Return `today`, `yesterday`, or a date such as `24 Nov`, in UTC like every time on these pages."""
    that, today = utc_datetime(ms).date(), utc_datetime(now_ms).date()
    if that == today:
        return "today"
    return "yesterday" if that == today - timedelta(days=1) else f"{that.day} {that:%b}"


def hue(text: str) -> int:
    """Return the number (0 to 5) of a colour, always the same for the same text."""
    return sum(text.encode()) % 6


def initials(address: str) -> str:
    words = [
        word for word in address.partition("@")[0].replace(".", " ").replace("_", " ").replace("+", " ").split() if word
    ]
    return "".join(word[0] for word in words[:2]).upper() or "?"


FILTERS: dict[str, Callable[..., Any]] = {"clock_time": clock_time, "day": day, "hue": hue, "initials": initials}
