"""Mails in frames: each is a page of its own, which may do nothing; the page around it may show such frames."""

from __future__ import annotations

from aiohttp import web

from common.campaigns.gallery import in_dark_mode, in_light_mode

_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; frame-ancestors 'self'"
"""Of a mail in its frame: no script, no form, no link that opens anything; styles are the mail's own."""

_FRAMING_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def framed_mail(html: str, *, is_dark: bool | None = None) -> web.Response:
    """The HTML part of a mail, as a program in dark mode or in light mode shows it; None: in the viewer's own."""
    if is_dark is not None:
        html = in_dark_mode(html) if is_dark else in_light_mode(html)
    headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return web.Response(text=html, content_type="text/html", headers=headers)


def with_frames(response: web.Response) -> web.Response:
    """A page that shows mails in frames."""
    response.headers["Content-Security-Policy"] = _FRAMING_POLICY
    return response
