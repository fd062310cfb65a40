"""/suppressions and /domains."""

from __future__ import annotations

from aiohttp import web

from services.sandbox.resend import shapes
from services.sandbox.resend.errors import ResendProblem, invalid, missing
from services.sandbox.resend.mails import Mails
from services.sandbox.resend.paging import asked_page
from services.sandbox.resend.requests import read_json
from services.sandbox.resend.suppressions import Suppressions
from services.sandbox.resend.validation import bare_address
from services.sandbox.state import Sandbox


class Account:
    def __init__(self, sandbox: Sandbox, mails: Mails, suppressions: Suppressions) -> None:
        self._sandbox = sandbox
        self.mails = mails
        self.suppressions = suppressions

    async def suppress(self, request: web.Request) -> web.Response:
        payload = await read_json(request)
        email = payload.get("email") if isinstance(payload, dict) else None
        if not email:
            raise missing("email")
        address = bare_address(str(email))
        if address is None:
            raise invalid("Invalid `email` field.")
        suppression_id = self.suppressions.add(address, "manual", now_ms=self._sandbox.clock.now_ms())
        return web.json_response({"object": "suppression", "id": suppression_id}, status=201)

    async def list_suppressions(self, request: web.Request) -> web.Response:
        page = asked_page(request.query)
        found, has_more = self.suppressions.newest(page.limit, page.after)
        return web.json_response(shapes.listing(found, has_more=has_more))

    async def get_suppression(self, request: web.Request) -> web.Response:
        found = self.suppressions.find(request.match_info["id"])
        if found is None:
            raise ResendProblem(404, "not_found", "Suppression not found")
        return web.json_response(found)

    async def unsuppress(self, request: web.Request) -> web.Response:
        removed = self.suppressions.remove(request.match_info["id"])
        if removed is None:
            raise ResendProblem(404, "not_found", "Suppression not found")
        return web.json_response({"object": "suppression", "id": removed, "deleted": True})

    async def list_domains(self, request: web.Request) -> web.Response:
        verified = self._sandbox.dials.resend_verified_domains
        names = verified if verified is not None else sorted({*self._sandbox.own_domains, *self.mails.sender_domains()})
        return web.json_response(shapes.listing([shapes.domain(name) for name in names], has_more=False))
