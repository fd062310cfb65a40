"""All web pages: inbox, phones, Notion's tables, faults and dials."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping
from pydantic import ValidationError

from services.sandbox.dials import Dials
from services.sandbox.fault_rules import ABOUT, OPERATIONS, PRESETS
from services.sandbox.notion.page_store import PageStore
from services.sandbox.notion.records import Page, Source
from services.sandbox.notion.shapes import plain
from services.sandbox.resend import shapes
from services.sandbox.resend.api import ResendApi
from services.sandbox.resend.mails import AcceptedMail
from services.sandbox.resend.validation import as_list
from services.sandbox.state import Sandbox
from services.sandbox.tools import Tools
from services.sandbox.twilio.api import TwilioApi
from services.sandbox.twilio.messages import Message
from services.sandbox.web_ui.rendering import FILTERS, FOLDER, mail_frame, page
from services.web.pages import assets_route, make_environment

MAILS_SHOWN = 200
ROWS_SHOWN = 200
PREVIEW_LENGTH = 140
DIAL_GROUPS = (
    ("Resend", "resend_"),
    ("Delivery of mail", ("delivery_", "bounc", "complaining")),
    ("Webhooks", "webhook"),
    ("Twilio", ("twilio_", "sms_")),
    ("Notion", "notion_"),
    ("Cal.com", "calcom_"),
)
TABS = ("mail", "text", "headers", "json")


class WebUi:
    """The handlers of the pages."""

    def __init__(self, sandbox: Sandbox, store: PageStore, resend: ResendApi, twilio: TwilioApi, tools: Tools) -> None:
        self._sandbox, self._twilio = sandbox, twilio
        self._store = store
        self._resend = resend
        self._tools = tools
        self._environment = make_environment(FOLDER / "templates", FILTERS, service="sandbox")

    def add_routes(self, app: web.Application) -> None:
        add = app.router
        add.add_get("/", self.overview)
        add.add_get("/inbox", self.inbox)
        add.add_get("/inbox/{id}", self.mail)
        add.add_get("/inbox/{id}/html", self.mail_html)
        add.add_get("/phones", self.phones)
        add.add_post("/phones/answer", self.answer)
        add.add_get("/notion", self.notion)
        add.add_get("/databases", self.notion)
        add.add_get("/faults", self.faults)
        add.add_post("/faults/rules", self.add_rule)
        add.add_post("/faults/rules/{rule_id}/remove", self.remove_rule)
        add.add_post("/faults/dials", self.change_dials)
        add.add_post("/faults/clear", self.clear)
        add.add_static("/static", FOLDER / "static")
        app.add_routes([assets_route()])

    async def overview(self, request: web.Request) -> web.Response:
        store, tally = self._store, self._sandbox.tally
        return self._page(
            "overview.html",
            here="/",
            origin=f"{request.scheme}://{request.host}",
            mails=[_line(mail) for mail in self._resend.mails.newest(limit=5)],
            tables=[(source.title, _count(store.pages_of(source.id))) for source in store.sources.values()],
            requests=sum(tally.requests.values()),
            answers=sorted(tally.answers.items()),
            suspicious=len(tally.suspicious),
        )

    async def inbox(self, request: web.Request) -> web.Response:
        """
        List accepted mails. `?q=` searches recipients and subjects; `to` and `subject` search only one of them.

        `from`: the number of newer mails to leave out, for paging.
        """
        query = {name: request.query.get(name, "") for name in ("q", "to", "subject")}
        first = int(start) if (start := request.query.get("from", "")).isdecimal() and len(start) < 10 else 0
        self._resend.delivery.settle_due()
        mails = self._resend.mails.newest(
            limit=MAILS_SHOWN + 1, words=query["q"], to=query["to"], subject=query["subject"], skipped=first
        )

        def at(index: int) -> str:
            return f"/inbox?{urlencode({name: text for name, text in query.items() if text} | {'from': index})}"

        return self._page(
            "inbox.html",
            here="/inbox",
            mails=[_line(mail) for mail in mails[:MAILS_SHOWN]],
            words=query["q"],
            is_search=any(query.values()),
            newer=at(max(0, first - MAILS_SHOWN)) if first else None,
            older=at(first + MAILS_SHOWN) if len(mails) > MAILS_SHOWN else None,
        )

    async def mail(self, request: web.Request) -> web.Response:
        self._resend.delivery.settle_due()
        mail = self._found(request)
        tab = request.query.get("tab", "mail")
        raw = json.dumps(shapes.mail(mail), indent=2, ensure_ascii=False)
        return self._page(
            "mail.html",
            here="/inbox",
            mail=mail,
            tab=tab if tab in TABS else "mail",
            tabs=TABS,
            width=width if (width := request.query.get("width")) in ("phone", "desktop") else "",
            headers=_message_headers(mail),
            is_one_click=mail.headers.get("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click",
            raw=raw,
        )

    async def mail_html(self, request: web.Request) -> web.Response:
        mail = self._found(request)
        return mail_frame(mail.html or "<p>This mail has no HTML part.</p>")

    async def phones(self, request: web.Request) -> web.Response:
        """Show the messages of each phone; `?number=`: of phones whose number contains this text."""
        number = request.query.get("number", "").replace(" ", "+", 1).strip()
        phones: dict[str, list[Message]] = {}
        for message in self._twilio.messages.all():
            if number in message.phone:
                phones.setdefault(message.phone, []).append(message)
        return self._page("phones.html", here="/phones", phones=list(reversed(phones.items())), number=number)

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        number, body = str(form.get("from", "")).strip(), str(form.get("body", ""))
        await self._twilio.receive(number, body, to=self._sandbox.twilio_number)
        return _see_other(f"/phones?{urlencode({'number': number})}")

    async def notion(self, request: web.Request) -> web.Response:
        tables = [_table(source, self._store.pages_of(source.id)) for source in self._store.sources.values()]
        return self._page("notion.html", here="/notion", tables=tables, rows_max=ROWS_SHOWN)

    async def faults(self, request: web.Request) -> web.Response:
        if "text/html" not in request.headers.get("Accept", ""):
            return await self._tools.faults(request)
        return self._faults_page([])

    async def add_rule(self, request: web.Request) -> web.Response:
        try:
            self._sandbox.faults.add(_read_rule(await request.post()))
        except ValidationError as problem:
            return self._faults_page(_problems(problem), status=422)
        return _see_other("/faults")

    async def remove_rule(self, request: web.Request) -> web.Response:
        self._sandbox.faults.remove(request.match_info["rule_id"])
        return _see_other("/faults")

    async def change_dials(self, request: web.Request) -> web.Response:
        try:
            self._tools.change_dials(_read_dials(await request.post()))
        except ValidationError as problem:
            return self._faults_page(_problems(problem), status=422)
        return _see_other("/faults")

    async def clear(self, request: web.Request) -> web.Response:
        await self._tools.clear_faults(request)
        return _see_other("/faults")

    def _faults_page(self, problems: list[str], status: int = 200) -> web.Response:
        return self._page(
            "faults.html",
            status,
            here="/faults",
            rules=self._sandbox.faults.rules,
            dials=_dial_groups(self._sandbox.dials),
            kinds=[(kind, about) for kind, about in ABOUT.items() if kind not in PRESETS],
            presets=[(kind, about) for kind, about in ABOUT.items() if kind in PRESETS],
            operations=OPERATIONS,
            problems=problems,
        )

    def _found(self, request: web.Request) -> AcceptedMail:
        mail = self._resend.mails.get(request.match_info["id"])
        if mail is None:
            raise web.HTTPNotFound(text="There is no such mail in this inbox.")
        return mail

    def _page(self, template: str, status: int = 200, **names: Any) -> web.Response:
        rules_in_force = [rule for rule in self._sandbox.faults.rules if rule.count != 0]
        now_ms = self._sandbox.clock.now_ms()
        count, text_count = self._resend.mails.count(), self._twilio.messages.count()
        return page(
            self._environment,
            template,
            status,
            now_ms=now_ms,
            rules_in_force=rules_in_force,
            mail_count=count,
            text_count=text_count,
            **names,
        )


def _see_other(location: str) -> web.Response:
    """Return a redirect. It is not raised, because the server turns every exception into problem+json."""
    return web.Response(status=303, headers={"Location": location})


def _line(mail: AcceptedMail) -> dict[str, Any]:
    preview = " ".join((mail.text or "").split())[:PREVIEW_LENGTH]
    return {"mail": mail, "preview": preview, "to": ", ".join(mail.to)}


def _message_headers(mail: AcceptedMail) -> list[tuple[str, str]]:
    """Return the headers of the message that have a value."""
    cc = ", ".join(as_list(mail.payload.get("cc")))
    reply_to = ", ".join(as_list(mail.payload.get("reply_to")))
    listed = [("From", mail.sender), ("To", ", ".join(mail.to)), ("Cc", cc), ("Reply-To", reply_to)]
    listed += [("Subject", mail.subject), ("Message-ID", mail.message_id), *mail.headers.items()]
    return [(name, value) for name, value in listed if value]


def _table(source: Source, pages: list[Page]) -> dict[str, Any]:
    rows = [(page, [(column, plain(column, page)) for column in source.columns]) for page in pages[::-1][:ROWS_SHOWN]]
    return {"title": source.title, "id": source.id, "columns": source.columns, "rows": rows, "count": len(pages)}


def _count(pages: list[Page]) -> int:
    return sum(not page.in_trash for page in pages)


def _dial_groups(dials: Dials) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the dials in groups, as (title, dials)."""
    shown = {
        name: {
            "name": name,
            "value": getattr(dials, name),
            "default": getattr(Dials(), name),
            "about": field.description,
        }
        for name, field in Dials.model_fields.items()
    }
    groups = [
        (title, [dial for name, dial in shown.items() if name.startswith(starts)]) for title, starts in DIAL_GROUPS
    ]
    return [*groups, ("Time and probability", [shown[name] for name in ("clock_offset_seconds", "seed")])]


def _problems(problem: ValidationError) -> list[str]:
    return [f"{'.'.join(map(str, error['loc'])) or 'rule'}: {error['msg']}" for error in problem.errors()]


def _read_rule(form: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {name: str(value).strip() for name, value in form.items() if str(value).strip()}
    given["after_commit"] = given.get("after_commit") == "on"
    return given if given["after_commit"] else {name: value for name, value in given.items() if name != "after_commit"}


def _read_dials(form: MultiMapping[Any]) -> dict[str, Any]:
    """
    Return the dials in the form; dials that it does not show keep their values.

    Browsers do not send an unticked box. `shown` names the form's boxes, so that a missing one means False.
    """
    changes: dict[str, Any] = {}
    boxes = {str(name) for name in form.getall("shown", [])}
    for name, field in Dials.model_fields.items():
        if name not in form and name not in boxes:
            continue
        text = str(form.get(name, "")).strip()
        if field.annotation is bool:
            changes[name] = text == "on"
        elif _is_list(field.annotation):
            changes[name] = _list_of(text, none_if_empty=field.default is None)
        elif text or field.default is None:
            changes[name] = text or None
    return changes


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_is_list(part) for part in get_args(annotation))
    return get_origin(annotation) is list


def _list_of(text: str, *, none_if_empty: bool) -> list[str] | None:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return parts or (None if none_if_empty else [])
