"""One person: what happened, what is next and when. Found by address, which stands in no URL and no log."""

from __future__ import annotations

from aiohttp import web

from common.domain.ids import EnrollmentId, enrollment_id, is_enrollment_id, normal_address
from common.ledger.reads.contact_timeline import read_contact_timeline
from services.console.desk import DESK
from services.console.replies import page, problem, see

ADDRESS_MAX = 320


async def find(request: web.Request) -> web.Response:
    """By address or enrollment id, from the search form."""
    desk, form = request.app[DESK], await request.post()
    sought = normal_address(str(form.get("who", "")))[:ADDRESS_MAX]
    if not sought:
        return see("/")
    identity = EnrollmentId(sought) if is_enrollment_id(sought) else enrollment_id(desk.ledger.campaign, sought)
    if await read_contact_timeline(desk.ledger, identity) is None:
        return page(request, "nobody.html", status=404, sought=sought, here="")
    return see(f"/people/{identity}")


async def show(request: web.Request) -> web.Response:
    desk, identity = request.app[DESK], request.match_info["id"]
    story = await read_contact_timeline(desk.ledger, EnrollmentId(identity)) if is_enrollment_id(identity) else None
    if story is None:
        return problem(request, 404, "Nobody", "Nobody of this campaign has this id.")
    return page(request, "person.html", story=story, here="")
