"""
`GET /calendar/{token}.ics`: a booked call as a calendar file, made when it is fetched.

After a move the file has the new time; after a cancellation the response is a page that says so (410). The state of the
call is derived from its events on every request, even before a worker has processed them. The link's query names the
language and the campaign.
"""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from common.clock import utc_datetime
from common.domain.calendar_link import CalendarLink
from common.domain.contact import Assessment
from common.domain.series import Booking, BookingState, resolve
from common.meetings import calendar_entry
from common.store.errors import STORE_ERRORS
from services.gateway.context import GatewayContext
from services.gateway.http.middleware import LOG_CONTEXT
from services.gateway.http.unsubscribe_page import text_page
from services.web.problem import Problem

RETRY_AFTER_S = 30

_Page = Literal["gone", "unknown", "unavailable"]
_DETAILS = {
    "gone": (410, "this call was cancelled or moved"),
    "unknown": (404, "this calendar link was not made here"),
    "unavailable": (503, "the calendar cannot be read now"),
}
_CALLED_OFF = (BookingState.MOVED, BookingState.CANCELLED, BookingState.REJECTED)


async def show(context: GatewayContext, request: web.Request) -> web.Response:
    """Return the file, or the reason why there is none."""
    link = CalendarLink.from_token(request.match_info["token"], context.secret_key)
    if link is None:
        return _refused(context, request, "unknown")
    if context.intake.store.is_away:
        return _refused(context, request, "unavailable")
    try:
        booking = await _booking(context, link)
        signup = await _signup(context, booking) if booking else None
    except STORE_ERRORS as error:
        context.intake.store.record_failure(error)
        return _refused(context, request, "unavailable")
    if booking is None or booking.start_ms is None:
        return _refused(context, request, "gone")
    LOG_CONTEXT.get().outcome = "shown"
    campaign = context.campaigns.get_or_default(request.query.get("campaign"))
    entry = calendar_entry(context.settings, booking, signup, campaign, request.query.get("lang"))
    return web.Response(
        body=entry.to_ics(now=utc_datetime(context.clock.now_ms())),
        headers={
            "Content-Type": "text/calendar; charset=utf-8; method=PUBLISH",
            "Content-Disposition": 'inline; filename="call.ics"',
        },
    )


async def _booking(context: GatewayContext, link: CalendarLink) -> Booking | None:
    """Return the guest's booking, or the one that replaced it; None when the guest has none any more."""
    ledger = context.intake.ledger
    gathered = await ledger.bookings.gather(link.booking)
    current = [one for one in resolve(gathered.events, gathered.first_guests) if one.state not in _CALLED_OFF]
    own = [one for one in current if one.email and ledger.store.address_hash(one.email) == link.address_hash]
    return max(own, key=lambda one: (one.id == link.guest, one.received_ms), default=None)


async def _signup(context: GatewayContext, booking: Booking) -> Assessment | None:
    """Return the guest's own signup, in any campaign; None when they were never enrolled."""
    ledger = context.intake.ledger
    assert booking.email is not None
    contact = await ledger.mailboxes.find(booking.email)
    signups = [one.assessment async for one in ledger.enrollments.of_guest(contact, booking.email)]
    return next(iter(signups), None)


def _refused(context: GatewayContext, request: web.Request, page: _Page) -> web.Response:
    """Return an error page to a browser; raise Problem for a calendar program."""
    LOG_CONTEXT.get().outcome = "refused"
    status, detail = _DETAILS[page]
    headers = {"Retry-After": str(RETRY_AFTER_S)} if page == "unavailable" else {}
    if "text/html" not in request.headers.get("Accept", ""):
        raise Problem(status, detail, outcome="refused", headers=headers)
    campaign = context.campaigns.get_or_default(request.query.get("campaign"))
    translation = campaign.messages.translation(request.query.get("lang"))
    strings = translation.strings.calendar
    title, text = getattr(strings, f"{page}_title"), getattr(strings, f"{page}_text")
    response = text_page(title, text, translation.language, context.settings.identity.sender_name, status=status)
    response.headers.update(headers)
    return response
