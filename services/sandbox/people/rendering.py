"""HTML for people: Jinja with escaping on, and a policy that lets nothing in from outside."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from common.clock import utc_datetime

FOLDER = Path(__file__).parent.parent
STATIC = FOLDER / "static"

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# `sandbox` without allow-scripts or allow-same-origin: what a mail carries stays in its frame. Links may open a tab.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; frame-ancestors 'self'"
)

SAFE_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def make_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock_time": clock_time, "day": day, "hue": hue, "initials": initials}
    return environment


def page(environment: jinja2.Environment, template: str, status: int = 200, **names: Any) -> web.Response:
    html = environment.get_template(template).render(**names)
    headers = {**SAFE_HEADERS, "Content-Security-Policy": PAGE_POLICY}
    return web.Response(text=html, status=status, content_type="text/html", headers=headers)


def mail_frame(html: str) -> web.Response:
    """A mail's own HTML, locked in. The first line makes its links open a tab of their own."""
    headers = {**SAFE_HEADERS, "Content-Security-Policy": MAIL_POLICY}
    return web.Response(text=f'<base target="_blank">{html}', content_type="text/html", headers=headers)


def clock_time(ms: int) -> str:
    return f"{utc_datetime(ms):%H:%M:%S}"


def day(ms: int, now_ms: int) -> str:
    """`today`, `yesterday`, or `24 Nov`: UTC, as everything here."""
    that, today = utc_datetime(ms).date(), utc_datetime(now_ms).date()
    if that == today:
        return "today"
    return "yesterday" if that == today - timedelta(days=1) else f"{that.day} {that:%b}"


def hue(text: str) -> int:
    """One of six colours, always the same for the same text."""
    return sum(text.encode()) % 6


def initials(address: str) -> str:
    words = [
        word for word in address.partition("@")[0].replace(".", " ").replace("_", " ").replace("+", " ").split() if word
    ]
    return "".join(word[0] for word in words[:2]).upper() or "?"
