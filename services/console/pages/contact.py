"""One contact: what happened, what is next and when. Found by address, which appears in no URL and no log."""

from __future__ import annotations

from aiohttp import web

from common.domain.ids import EnrollmentId, is_enrollment_id, normal_address
from common.ledger.reads.contact_timeline import ContactTimeline, find_contacts, read_contact_timeline
from services.console.context import CONTEXT, ConsoleContext
from services.console.replies import page, see_other
from services.web.problem import Problem

ADDRESS_LENGTH_MAX = 320


async def find(request: web.Request) -> web.Response:
    """By address or enrollment id, from the search form."""
    context, form = request.app[CONTEXT], await request.post()
    query = normal_address(str(form.get("who", "")))[:ADDRESS_LENGTH_MAX]
    if not query:
        return see_other("/")
    if is_enrollment_id(query):
        found = [EnrollmentId(query)] if await _timeline(context, query) else []
    else:
        found = [one.enrollment_id for one in await find_contacts(context.ledger, query)]
    if not found:
        return page(request, "contact_not_found.html", status=404, query=query, here="")
    return see_other(f"/people/{found[0]}")


async def show(request: web.Request) -> web.Response:
    context, identity = request.app[CONTEXT], request.match_info["id"]
    contact = await _timeline(context, identity) if is_enrollment_id(identity) else None
    if contact is None:
        raise Problem(404, "No contact of this campaign has this id.", title="No such contact")
    others = [one for one in await find_contacts(context.ledger, contact.email) if one.campaign != contact.campaign]
    return page(request, "contact.html", contact=contact, others=others, here="")


async def _timeline(context: ConsoleContext, identity: str) -> ContactTimeline | None:
    return await read_contact_timeline(context.ledger, EnrollmentId(identity), now_ms=context.clock.now_ms())
