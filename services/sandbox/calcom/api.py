"""Every URL of the imitated Cal.com: what its API lists, and beside it what its people do, for tests and rehearsals."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from common.clock import iso
from services.sandbox.bodies import parse_json
from services.sandbox.calcom.bookings import Bookings, Row
from services.sandbox.calcom.door import admitting, answering, working
from services.sandbox.calcom.errors import fault_answer
from services.sandbox.calcom.hooks import post
from services.sandbox.calcom.listing import listed, seconds
from services.sandbox.faults import fault_middleware
from services.sandbox.state import Sandbox

CREATED = {"accepted": "BOOKING_CREATED", "pending": "BOOKING_REQUESTED"}


def calcom_app(sandbox: Sandbox) -> web.Application:
    """The application to mount under `/calcom`."""
    faults = fault_middleware(sandbox.faults, "calcom", fault_answer)
    app = web.Application(middlewares=[answering(sandbox), admitting(sandbox), faults, working])
    calendar = Calendar(sandbox)
    add = app.router.add_route
    add("GET", "/v2/bookings", calendar.list_bookings, name="bookings.list")
    add("GET", "/_bookings", calendar.all)
    add("POST", "/_bookings", calendar.book)
    add("POST", "/_bookings/{uid}/reschedule", calendar.reschedule)
    add("POST", "/_bookings/{uid}/cancel", calendar.cancel)
    add("POST", "/_bookings/{uid}/reject", calendar.reject)
    add("POST", "/_bookings/{uid}/absent", calendar.absent)
    return app


class Calendar:
    """What people do takes JSON, and `"webhook": false` for an event that is lost on its way; it answers the row."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._bookings = Bookings(sandbox.disk)

    async def list_bookings(self, request: web.Request) -> web.Response:
        now_s = self._sandbox.clock.now_ms() / 1000
        return web.json_response(listed(self._bookings.all(), dict(request.query), now_s=now_s))

    async def all(self, request: web.Request) -> web.Response:
        return web.json_response(self._bookings.all())

    async def book(self, request: web.Request) -> web.Response:
        """
        `{"email", "start"}`, and perhaps `name`, `timeZone`, `minutes`, `status` (`pending`), `uid`, `icsUid`, `title`,
        `eventType`.
        """
        asked = await _body(request)
        email = str(asked.get("email", "guest@people.example"))
        who = {
            "name": str(asked.get("name", "Guest User")),
            "email": email,
            "displayEmail": email,
            "timeZone": str(asked.get("timeZone", "America/Toronto")),
            "absent": False,
        }
        named: Row = {name: asked[name] for name in ("status", "uid", "icsUid", "title", "eventType") if name in asked}
        row = self._bookings.make(
            {"attendees": [who], **named},
            start_ms=_start_ms(asked),
            minutes=float(asked.get("minutes", 30)),
            now_ms=self._now_ms(),
        )
        return await self._told(asked, CREATED.get(row["status"], "BOOKING_CREATED"), row)

    async def reschedule(self, request: web.Request) -> web.Response:
        """`{"start"}`: the new booking."""
        asked, old = await _body(request), self._row(request)
        new = self._bookings.move(old, start_ms=_start_ms(asked), now_ms=self._now_ms())
        return await self._told(
            asked, "BOOKING_RESCHEDULED" if new["status"] == "accepted" else "BOOKING_REQUESTED", new
        )

    async def cancel(self, request: web.Request) -> web.Response:
        """`{}`, or `{"requestReschedule": true}` when the host asks for another time."""
        asked = await _body(request)
        row = self._bookings.change(self._row(request), {"status": "cancelled"}, now_ms=self._now_ms())
        return await self._told(asked, "BOOKING_CANCELLED", row, requestReschedule=bool(asked.get("requestReschedule")))

    async def reject(self, request: web.Request) -> web.Response:
        asked = await _body(request)
        row = self._bookings.change(self._row(request), {"status": "rejected"}, now_ms=self._now_ms())
        return await self._told(asked, "BOOKING_REJECTED", row)

    async def absent(self, request: web.Request) -> web.Response:
        """`{"absent": true}`: the first attendee's mark, which leaves the booking's `updatedAt` alone."""
        asked, row = await _body(request), self._row(request)
        first, *others = row["attendees"]
        marked = [{**first, "absent": bool(asked.get("absent", True))}, *others]
        row = self._bookings.change(row, {"attendees": marked}, now_ms=None)
        return await self._told(asked, "BOOKING_NO_SHOW_UPDATED", row)

    async def _told(self, asked: Row, trigger: str, row: Row, **more: Any) -> web.Response:
        if asked.get("webhook", True) is not False:
            await post(self._sandbox, trigger, row, **more)
        return web.json_response(row)

    def _row(self, request: web.Request) -> Row:
        row = self._bookings.get(request.match_info["uid"])
        if row is None:
            raise web.HTTPNotFound(text="There is no booking of this uid.")
        return row

    def _now_ms(self) -> int:
        return self._sandbox.clock.now_ms()


async def _body(request: web.Request) -> Row:
    try:
        asked = parse_json(await request.read() or b"{}")
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    return asked


def _start_ms(asked: Row) -> int:
    try:
        return round(seconds(asked["start"]) * 1000)
    except (KeyError, TypeError, ValueError):
        raise web.HTTPUnprocessableEntity(text=f"start must be an instant such as {iso(0)}.") from None
