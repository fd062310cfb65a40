"""The pages behind an unsubscribe link, in the language of the mail with the link."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files
from typing import Literal

from aiohttp import web

from common.campaigns.campaign import Campaign
from common.campaigns.language import Language
from common.campaigns.strings import UnsubscribeStrings

SCOPE, SERIES = "scope", "series"
"""The field of the form that leaves only one series, and the field's value."""

Page = Literal["ask", "already", "done_series", "done_all", "unknown"]


def page_response(
    page: Page, campaign: Campaign, language: str | None, sender: str, *, status: int = 200
) -> web.Response:
    """Return a page. `language`: its tag; the campaign's default if None or unknown to the campaign."""
    translation = campaign.messages.translation(language)
    strings = translation.strings.unsubscribe_page
    forms = _forms(strings, translation.strings.campaign_name) if page == "ask" else ""
    title, text = getattr(strings, f"{page}_title"), getattr(strings, f"{page}_text")
    return text_page(title, text, translation.language, sender, forms=forms, status=status)


def text_page(
    title: str, text: str, language: Language, sender: str, *, forms: str = "", status: int = 200
) -> web.Response:
    """Return a page that may load nothing and may post only to this server. `forms`: HTML."""
    style, style_hash = _style()
    html = _file("page.html").format(
        language=language.tag,
        direction=language.direction,
        title=escape(title),
        text=escape(text),
        sender=escape(sender),
        style=style,
        forms=forms,
    )
    policy = (
        f"default-src 'none'; style-src '{style_hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return web.Response(
        status=status,
        body=html.encode(),
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": policy},
    )


def _forms(strings: UnsubscribeStrings, campaign_name: str) -> str:
    """Return both forms. The one for all mail posts the same body as a mail program (RFC 8058)."""
    everything = _form("List-Unsubscribe", "One-Click", strings.ask_all_button, strings.ask_all_note)
    note = strings.ask_series_note.format(campaign=campaign_name)
    return _form(SCOPE, SERIES, strings.ask_series_button, note) + everything


def _form(field: str, value: str, button: str, note: str) -> str:
    return _file("form.html").format(field=field, value=value, button=escape(button), note=escape(note))


@cache
def _style() -> tuple[str, str]:
    style = _file("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return style, f"sha256-{digest}"


@cache
def _file(name: str) -> str:
    return (files("services.gateway.http") / "static" / name).read_text()
