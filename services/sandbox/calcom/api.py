"""The imitated Cal.com API: its routes, its middleware, and routes with which tests act as its users."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from common.clock import iso
from services.sandbox.calcom.bookings import Bookings, Row
from services.sandbox.calcom.errors import CalcomProblem, fault_response
from services.sandbox.calcom.listing import list_bookings, seconds
from services.sandbox.calcom.webhooks import post_event, webhook_shape
from services.sandbox.faults import DROPPED, delay, fault_middleware
from services.sandbox.state import Sandbox
from services.sandbox.strict_json import parse_json

VERSION = "2024-08-13"
WEBHOOKS = "webhooks.list"
CREATED = {"accepted": "BOOKING_CREATED", "pending": "BOOKING_REQUESTED"}


def calcom_app(sandbox: Sandbox) -> web.Application:
    """Return the application to mount under `/calcom`."""
    faults = fault_middleware(sandbox.faults, "calcom", fault_response)
    app = web.Application(middlewares=[response_middleware(sandbox), admission_middleware(sandbox), faults, delay])
    calendar = Calendar(sandbox)
    add = app.router.add_route
    add("GET", "/v2/bookings", calendar.list_bookings, name="bookings.list")
    add("GET", "/v2/webhooks", calendar.list_webhooks, name=WEBHOOKS)
    add("GET", "/_bookings", calendar.list_all)
    add("POST", "/_bookings", calendar.book)
    add("POST", "/_bookings/{uid}/reschedule", calendar.reschedule)
    add("POST", "/_bookings/{uid}/cancel", calendar.cancel)
    add("POST", "/_bookings/{uid}/reject", calendar.reject)
    add("POST", "/_bookings/{uid}/absent", calendar.absent)
    return app


class Calendar:
    """
    The handlers. Those of actions (`/_bookings`) take a JSON object and return the booking's row.

    With `"webhook": false`, the event of an action is lost: it is not posted to the gateway.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._bookings = Bookings(sandbox.disk)

    async def list_bookings(self, request: web.Request) -> web.Response:
        now_s = self._sandbox.clock.now_ms() / 1000
        return web.json_response(list_bookings(self._bookings.all(), dict(request.query), now_s=now_s))

    async def list_webhooks(self, request: web.Request) -> web.Response:
        """List the webhook of the key's user, which posts to the gateway."""
        return web.json_response({"status": "success", "data": [webhook_shape(self._sandbox)]})

    async def list_all(self, request: web.Request) -> web.Response:
        return web.json_response(self._bookings.all())

    async def book(self, request: web.Request) -> web.Response:
        """
        Create a booking. `{"start"}` is required.

        Optional: `email`, `name`, `timeZone`, `minutes`, `status` (such as `pending`), `uid`, `icsUid`, `title`,
        `eventType`, `smsReminderNumber`.
        """
        body = await _body(request)
        email = str(body.get("email", "guest@people.example"))
        who = {
            "name": str(body.get("name", "Guest User")),
            "email": email,
            "displayEmail": email,
            "timeZone": str(body.get("timeZone", "America/Toronto")),
            "absent": False,
        }
        named: Row = {name: body[name] for name in ("status", "uid", "icsUid", "title", "eventType") if name in body}
        number = body.get("smsReminderNumber")
        answers: Row = {"bookingFieldsResponses": {"smsReminderNumber": str(number)}} if number else {}
        row = self._bookings.make(
            {"attendees": [who], **answers, **named},
            start_ms=_start_ms(body),
            minutes=float(body.get("minutes", 30)),
            now_ms=self._now_ms(),
        )
        return await self._respond(body, CREATED.get(row["status"], "BOOKING_CREATED"), row)

    async def reschedule(self, request: web.Request) -> web.Response:
        """Move a booking: `{"start"}`. Return the new booking."""
        body, old = await _body(request), self._row(request)
        new = self._bookings.move(old, start_ms=_start_ms(body), now_ms=self._now_ms())
        return await self._respond(
            body, "BOOKING_RESCHEDULED" if new["status"] == "accepted" else "BOOKING_REQUESTED", new
        )

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel a booking. `{"requestReschedule": true}`: the host requests another time."""
        body = await _body(request)
        row = self._bookings.change(self._row(request), {"status": "cancelled"}, now_ms=self._now_ms())
        return await self._respond(
            body, "BOOKING_CANCELLED", row, requestReschedule=bool(body.get("requestReschedule"))
        )

    async def reject(self, request: web.Request) -> web.Response:
        body = await _body(request)
        row = self._bookings.change(self._row(request), {"status": "rejected"}, now_ms=self._now_ms())
        return await self._respond(body, "BOOKING_REJECTED", row)

    async def absent(self, request: web.Request) -> web.Response:
        """Mark the first attendee as absent or not (`{"absent": false}`). The row's `updatedAt` does not change."""
        body, row = await _body(request), self._row(request)
        first, *others = row["attendees"]
        marked = [{**first, "absent": bool(body.get("absent", True))}, *others]
        row = self._bookings.change(row, {"attendees": marked}, now_ms=None)
        return await self._respond(body, "BOOKING_NO_SHOW_UPDATED", row)

    async def _respond(self, body: Row, trigger: str, row: Row, **more: Any) -> web.Response:
        if body.get("webhook", True) is not False:
            await post_event(self._sandbox, trigger, row, **more)
        return web.json_response(row)

    def _row(self, request: web.Request) -> Row:
        row = self._bookings.get(request.match_info["uid"])
        if row is None:
            raise web.HTTPNotFound(text="There is no booking with this uid.")
        return row

    def _now_ms(self) -> int:
        return self._sandbox.clock.now_ms()


async def _body(request: web.Request) -> Row:
    try:
        body = parse_json(await request.read() or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    return body


def _start_ms(body: Row) -> int:
    try:
        return round(seconds(body["start"]) * 1000)
    except (KeyError, TypeError, ValueError):
        raise web.HTTPUnprocessableEntity(text=f"start must be a time such as {iso(0)}.") from None


def response_middleware(sandbox: Sandbox) -> Middleware:
    """Return the outermost middleware, which counts requests and turns every CalcomProblem into a response."""

    @web.middleware
    async def respond(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.match_info.route.name
        if name is None:
            return await handler(request)  # A route of the sandbox itself, or an unknown one.
        sandbox.tally.count_request("calcom", name)
        try:
            response = await handler(request)
        except CalcomProblem as problem:
            response = problem.response(request.path, sandbox.clock.now_ms())
        sandbox.tally.count_answer("calcom", "dropped" if request.get(DROPPED) else str(response.status))
        return response

    return respond


def admission_middleware(sandbox: Sandbox) -> Middleware:
    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.match_info.route.name
        if name is None:
            return await handler(request)
        # The API's webhooks have no version, so the header is not required there.
        if name != WEBHOOKS and request.headers.get("cal-api-version") != VERSION:
            raise CalcomProblem(404, "NotFoundException", f"Cannot {request.method} {request.path}")
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in sandbox.dials.calcom_keys:
            raise CalcomProblem(401, "UnauthorizedException", "ApiAuthStrategy - Invalid API Key")
        _count_request(sandbox, key)
        return await handler(request)

    return admit


def _count_request(sandbox: Sandbox, key: str) -> None:
    limit = sandbox.dials.calcom_requests_per_minute
    reading = sandbox.calcom_windows.spend(key, limit=limit, now_ms=sandbox.clock.now_ms())
    if reading.is_over:
        headers = {"retry-after": str(reading.reset_seconds)}
        raise CalcomProblem(429, "ThrottlerException", "Too Many Requests", headers=headers)
