"""The imitated Twilio: clients create and list messages, and phones reply."""

from __future__ import annotations

import base64
import binascii
from datetime import date
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from common.clock import utc_datetime
from services.sandbox.faults import delay, fault_middleware
from services.sandbox.middleware import counting_middleware, error_middleware
from services.sandbox.state import Sandbox
from services.sandbox.twilio.callbacks import Callbacks
from services.sandbox.twilio.errors import RECIPIENTS, SENDERS, TwilioProblem, fault_response, known_problem
from services.sandbox.twilio.messages import Message, Messages

BODY_CHARACTERS_MAX = 1_600
PAGE_MAX = 1_000
ENDING = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
"""The words with which a number opts out at Twilio (without Advanced Opt-Out). ARRET is not among them."""
BEGINNING = frozenset({"START", "YES", "UNSTOP"})
OPTED_OUT = "twilio_opted_out"


class TwilioApi:
    """The imitated Twilio: its messages, and the application to mount under `/twilio`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.messages = Messages(sandbox.disk)
        self._callbacks = Callbacks(sandbox, self.messages)

    def app(self) -> web.Application:
        sandbox = self._sandbox
        faults = fault_middleware(sandbox.faults, "twilio", fault_response)
        app = web.Application(
            middlewares=[
                counting_middleware(sandbox.tally, "twilio"),
                error_middleware(known_problem, TwilioProblem(20500)),
                admission_middleware(sandbox),
                faults,
                delay,
            ]
        )
        path = "/2010-04-01/Accounts/{account}/Messages"
        app.router.add_route("POST", f"{path}.json", self.create, name="messages.create")
        app.router.add_route("GET", f"{path}.json", self.list_messages, name="messages.list")
        app.router.add_route("GET", f"{path}/{{sid}}.json", self.get_message, name="messages.get")
        app.cleanup_ctx.append(self._callbacks.running)
        return app

    async def create(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        to, sender, body = _checked(form)
        if to in self._opted_out():
            raise TwilioProblem(21610)
        message = self.messages.add(
            to=to,
            sender=sender,
            body=body,
            now_ms=self._sandbox.clock.now_ms(),
            callback=form.get("StatusCallback", ""),
            validity_s=int(form.get("ValidityPeriod") or 36_000),
        )
        self._callbacks.report(message, self._statuses(to))
        return web.json_response(message.shape(request.match_info["account"]), status=201)

    async def get_message(self, request: web.Request) -> web.Response:
        found = self.messages.get(request.match_info["sid"])
        if found is None:
            raise TwilioProblem(20404)
        return web.json_response(found.shape(request.match_info["account"]))

    async def list_messages(self, request: web.Request) -> web.Response:
        """List messages, newest first. Filters: `To`, `From`, `DateSent`, `DateSent>`, `DateSent<` (a UTC day)."""
        query, account = request.query, request.match_info["account"]
        found = [message for message in reversed(self.messages.all()) if _matches(message, query)]
        size, page = min(int(query.get("PageSize", 50)), PAGE_MAX), int(query.get("Page", 0))
        shown = found[page * size : (page + 1) * size]
        following = None
        if len(found) > (page + 1) * size:
            more = urlencode({**query, "PageSize": size, "Page": page + 1, "PageToken": "PA0"})
            following = f"/2010-04-01/Accounts/{account}/Messages.json?{more}"
        rows = [message.shape(account) for message in shown]
        return web.json_response({"messages": rows, "next_page_uri": following, "page": page, "page_size": size})

    async def receive(self, number: str, body: str, *, to: str) -> int | None:
        """Accept an SMS from a phone and post it. Return the gateway's status, or None when it does not respond."""
        word = body.strip().upper()
        opted_out = self._opted_out()
        if word in ENDING | BEGINNING:
            left = opted_out | {number} if word in ENDING else opted_out - {number}
            self._sandbox.disk.save(OPTED_OUT, "\n".join(sorted(left)))
        message = self.messages.add(
            to=to, sender=number, body=body, now_ms=self._sandbox.clock.now_ms(), direction="inbound", status="received"
        )
        return await self._callbacks.answer(message)

    def _opted_out(self) -> set[str]:
        return set((self._sandbox.disk.load(OPTED_OUT) or "").split())

    def _statuses(self, to: str) -> list[tuple[str, int | None]]:
        dials = self._sandbox.dials
        if any(fnmatchcase(to, pattern) for pattern in dials.sms_undelivered):
            return [("sent", None), ("undelivered", dials.sms_error_code)]
        return [("sent", None), ("delivered", None)]


def _checked(form: dict[str, str]) -> tuple[str, str, str]:
    """Return recipient, sender and text. Raises TwilioProblem, with Twilio's own code, if one is invalid."""
    to, body = form.get("To", ""), form.get("Body", "")
    sender = form.get("From") or form.get("MessagingServiceSid") or ""
    if not to:
        raise TwilioProblem(21604)
    if not sender or sender in SENDERS:
        raise TwilioProblem(SENDERS.get(sender, 21606))
    if not to.startswith("+") or not to[1:].isdecimal() or len(to) < 8:
        raise TwilioProblem(21211)
    if to in RECIPIENTS:
        raise TwilioProblem(RECIPIENTS[to])
    if not body:
        raise TwilioProblem(21602)
    if len(body) > BODY_CHARACTERS_MAX:
        raise TwilioProblem(21617)
    return to, sender, body


def _matches(message: Message, query: Any) -> bool:
    if query.get("To") not in (None, message.to) or query.get("From") not in (None, message.sender):
        return False
    day = utc_datetime(message.created_ms).date()
    exact, after, before = (query.get(name) for name in ("DateSent", "DateSent>", "DateSent<"))
    if any((exact, after, before)) and message.status in ("queued", "accepted"):
        return False
    return (
        (exact is None or day == date.fromisoformat(exact[:10]))
        and (after is None or day >= date.fromisoformat(after[:10]))
        and (before is None or day <= date.fromisoformat(before[:10]))
    )


def admission_middleware(sandbox: Sandbox) -> Middleware:
    """Return middleware that checks the account's SID, the token and the rate limit."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.route.name is None:
            return await handler(request)
        sid, _, token = _basic(request.headers.get("Authorization", "")).partition(":")
        if sid != request.match_info.get("account") or token not in (
            *sandbox.dials.twilio_tokens,
            sandbox.twilio_token,
        ):
            raise TwilioProblem(20003)
        limit = sandbox.dials.twilio_requests_per_second
        if sandbox.twilio_windows.spend(sid, limit=limit, now_ms=sandbox.clock.now_ms()).is_over:
            raise TwilioProblem(20429, retry_after=1)
        return await handler(request)

    return admit


def _basic(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    try:
        return base64.b64decode(encoded).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""
