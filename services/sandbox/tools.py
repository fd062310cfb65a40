"""JSON routes for tests and tools: accepted mails, SMS, counts, Notion's rows, the dials and the fault rules."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from services.sandbox.notion.page_store import PageStore
from services.sandbox.notion.records import Source
from services.sandbox.notion.shapes import plain
from services.sandbox.resend.api import ResendApi
from services.sandbox.resend.mails import AcceptedMail
from services.sandbox.state import Sandbox
from services.sandbox.strict_json import parse_json
from services.sandbox.twilio.api import TwilioApi

ALL = 1 << 31


class Tools:
    """The handlers of the JSON routes."""

    def __init__(self, sandbox: Sandbox, store: PageStore, resend: ResendApi, twilio: TwilioApi) -> None:
        self._sandbox, self._twilio = sandbox, twilio
        self._store = store
        self._resend = resend

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/health", self.health)
        app.router.add_get("/inbox.json", self.inbox)
        app.router.add_delete("/inbox.json", self.clear_inbox)
        app.router.add_get("/phones.json", self.phones)
        app.router.add_post("/phones.json", self.answer)
        app.router.add_delete("/phones.json", self.clear_phones)
        app.router.add_get("/counts.json", self.counts)
        app.router.add_get("/notion.json", self.notion)
        app.router.add_delete("/notion.json", self.clear_notion)
        app.router.add_get("/faults.json", self.faults)
        for path in ("/faults", "/faults.json"):
            app.router.add_put(path, self.set_faults)
            app.router.add_post(path, self.add_fault)
            app.router.add_delete(path, self.clear_faults)
        app.router.add_post("/clock", self.advance)

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy", "mails": self._resend.mails.count()})

    async def inbox(self, request: web.Request) -> web.Response:
        """Return every accepted mail in order of acceptance; `?to=`: only those to exactly this address."""
        self._resend.delivery.settle_due()
        to = request.query.get("to", "").strip().lower()
        mails = self._resend.mails.newest(limit=ALL, to=to)
        return web.json_response([_mail(mail) for mail in reversed(mails) if not to or to in mail.recipients])

    async def clear_inbox(self, request: web.Request) -> web.Response:
        self._resend.mails.clear()
        self._sandbox.tally.clear()
        return web.Response(status=204)

    async def phones(self, request: web.Request) -> web.Response:
        """Return every SMS, also those that phones sent, in order of acceptance; `?number=`: of one phone."""
        number = request.query.get("number", "").strip()
        found = [one for one in self._twilio.messages.all() if not number or one.phone == number]
        return web.json_response([{**asdict(one), "phone": one.phone} for one in found])

    async def answer(self, request: web.Request) -> web.Response:
        """Send an SMS from a phone: `{"from": number, "body": text}`. Return the gateway's status."""
        body = await _body(request)
        given = body if isinstance(body, dict) else {}
        to = self._sandbox.twilio_number
        status = await self._twilio.receive(str(given.get("from", "")), str(given.get("body", "")), to=to)
        return web.json_response({"status": status})

    async def clear_phones(self, request: web.Request) -> web.Response:
        self._twilio.messages.clear()
        return web.Response(status=204)

    async def counts(self, request: web.Request) -> web.Response:
        """
        Return counts that do not depend on the ledger: accepted mails and SMS, and mails by idempotency key.

        Requests, responses and suspicious requests are counted since the sandbox started or its inbox was cleared.
        """
        tally = self._sandbox.tally
        return web.json_response(
            {
                "mails": self._resend.mails.count(),
                "texts": self._twilio.messages.count(),
                "mails_by_key": self._resend.mails.counts_by_key(),
                "requests": dict(sorted(tally.requests.items())),
                "answers": dict(sorted(tally.answers.items())),
                "suspicious": list(tally.suspicious),
            }
        )

    async def notion(self, request: web.Request) -> web.Response:
        """Return the rows of each data source by its title. Rows have plain values; the oldest comes first."""
        return web.json_response({source.title: self._rows(source) for source in self._store.sources.values()})

    async def clear_notion(self, request: web.Request) -> web.Response:
        self._store.clear_pages()
        return web.Response(status=204)

    async def faults(self, request: web.Request) -> web.Response:
        return web.json_response(self._settings())

    async def set_faults(self, request: web.Request) -> web.Response:
        """Replace the rules: `[rule, …]`; or rules, dials or both: `{"rules": […], "dials": {…}}`."""
        body = await _body(request)
        if isinstance(body, list):
            body = {"rules": body}
        if not isinstance(body, dict) or not body.keys() <= {"rules", "dials"}:
            return _refused([("body", "must be a list of rules, or an object with `rules` and `dials`")])
        try:
            before = self._sandbox.dials
            if "dials" in body:
                self.change_dials(body["dials"])
            if "rules" in body:
                self._put_rules(body["rules"], before_dials=before.model_dump())
        except ValidationError as problem:
            return refused(problem)
        return web.json_response(self._settings())

    def change_dials(self, changes: dict[str, Any]) -> None:
        """Change dials. A seed restarts the random numbers. Raises pydantic's ValidationError."""
        dials = self._sandbox.board.change(changes if isinstance(changes, dict) else {"dials": changes})
        if "seed" in changes:
            self._sandbox.faults.reseed(dials.seed)
        self._resend.scheduler.wake()

    def _put_rules(self, rules: Any, *, before_dials: dict[str, Any]) -> None:
        try:
            self._sandbox.faults.put(rules)
        except ValidationError:
            self._sandbox.board.change(before_dials)  # A request takes effect completely or not at all.
            raise

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            rule = self._sandbox.faults.add(await _body(request))
        except ValidationError as problem:
            return refused(problem)
        return web.json_response(rule.model_dump(), status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Remove all rules and reset every dial except the clock."""
        self._sandbox.faults.put([])
        self._sandbox.board.reset()
        return web.json_response(self._settings())

    async def advance(self, request: web.Request) -> web.Response:
        """Advance the sandbox's clock: `{"advance_seconds": 86400}`."""
        body = await _body(request)
        seconds = body.get("advance_seconds") if isinstance(body, dict) else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            return _refused([("advance_seconds", "must be a number of seconds")])
        self.change_dials({"clock_offset_seconds": self._sandbox.dials.clock_offset_seconds + seconds})
        return web.json_response({"now_ms": self._sandbox.clock.now_ms()})

    def _settings(self) -> dict[str, Any]:
        return {
            "dials": self._sandbox.dials.model_dump(),
            "rules": [rule.model_dump(exclude_none=True) for rule in self._sandbox.faults.rules],
            "now_ms": self._sandbox.clock.now_ms(),
        }

    def _rows(self, source: Source) -> list[dict[str, Any]]:
        return [
            {
                "id": page.id,
                "in_trash": page.in_trash,
                "created_ms": page.created_ms,
                "edited_ms": page.edited_ms,
                "properties": {column.name: plain(column, page) for column in source.columns},
            }
            for page in self._store.pages_of(source.id)
        ]


def refused(problem: ValidationError) -> web.Response:
    """Return a 422 response that names each invalid field and what is expected."""
    return _refused([(".".join(map(str, error["loc"])) or "rule", error["msg"]) for error in problem.errors()])


def _refused(problems: list[tuple[str, str]]) -> web.Response:
    errors = [{"field": field, "message": message} for field, message in problems]
    body = {"type": "about:blank", "title": "Unprocessable Content", "status": 422, "errors": errors}
    return web.json_response(body, status=422, content_type="application/problem+json")


async def _body(request: web.Request) -> Any:
    try:
        return parse_json(await request.read())
    except (ValueError, RecursionError) as problem:
        raise web.HTTPBadRequest(text="The body must be JSON.") from problem


def _mail(mail: AcceptedMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "to": mail.to,
        "from": mail.sender,
        "subject": mail.subject,
        "accepted_at": mail.created_ms,
        "last_event": mail.last_event,
        "idempotency_key": mail.idempotency_key,
        "sha256": mail.sha256,
        "html": mail.html,
        "text": mail.text,
        "headers": mail.headers,
        "tags": mail.tags,
        "request_headers": mail.request_headers,
    }
