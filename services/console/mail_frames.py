"""Mails in frames: each is a page of its own, which may do nothing; the page around it may show such frames."""

from __future__ import annotations

from aiohttp import web

from common.campaigns.gallery import in_dark_mode

_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'"
"""Of a mail in its frame: no script, no form, no link that opens anything; styles are the mail's own."""

_FRAMING_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def framed_mail(html: str, *, is_dark: bool = False) -> web.Response:
    """The HTML part of a mail; `is_dark`: as a program in dark mode shows it."""
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return web.Response(text=in_dark_mode(html) if is_dark else html, content_type="text/html", headers=headers)


def with_frames(response: web.Response) -> web.Response:
    """A page that shows mails in frames."""
    response.headers["Content-Security-Policy"] = _FRAMING_POLICY
    return response
