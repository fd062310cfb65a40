"""Mails in frames: each mail is a sandboxed page of its own, and the page around it may show such frames."""

from __future__ import annotations

from aiohttp import web

from common.campaigns.gallery import in_dark_mode, in_light_mode

_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'"
"""The policy of a mail in its frame: no scripts, no forms, no links that open; only the mail's own styles."""

_FRAMING_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def framed_mail(html: str, *, is_dark: bool | None = None) -> web.Response:
    """Return the HTML part of a mail in dark or light mode; `is_dark` = None: in the mode of the viewer's browser."""
    if is_dark is not None:
        html = in_dark_mode(html) if is_dark else in_light_mode(html)
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return web.Response(text=html, content_type="text/html", headers=headers)


def with_frames(response: web.Response) -> web.Response:
    """Allow a page to show mails in frames."""
    response.headers["Content-Security-Policy"] = _FRAMING_POLICY
    return response
