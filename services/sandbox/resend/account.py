"""The account: its suppression list (filled by hand, by hard bounces and by complaints) and its sender domains."""

from __future__ import annotations

import sqlite3
from typing import Any

from aiohttp import web

from common.clock import iso
from services.sandbox.disk import Disk
from services.sandbox.ids import new_id
from services.sandbox.resend import shapes
from services.sandbox.resend.errors import ResendProblem, invalid, missing
from services.sandbox.resend.mails import Mails
from services.sandbox.resend.requests import read_json, read_page
from services.sandbox.resend.validation import bare_address
from services.sandbox.resend.webhooks import EVENTS
from services.sandbox.state import Sandbox


class Suppressions:
    """The suppressed addresses, stored as rows."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def add(self, email: str, origin: str, *, now_ms: int, source_id: str | None = None) -> str:
        """
        Suppress an address, unless it is already suppressed. Return the suppression's id.

        `origin`: `bounce`, `complaint` or `manual`; `source_id`: the mail that caused it.
        """
        self._disk.run(
            "INSERT INTO suppressions (id, email, origin, source_id, created_ms) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            new_id(), email.lower(), origin, source_id, now_ms,
        )  # fmt: skip
        found = self.find(email)
        assert found is not None
        return str(found["id"])

    def find(self, id_or_email: str) -> dict[str, Any] | None:
        row = self._disk.row("SELECT * FROM suppressions WHERE id = ? OR email = ?", id_or_email, id_or_email.lower())
        return None if row is None else _shape(row)

    def newest(self, limit: int, older_than: str | None = None) -> tuple[list[dict[str, Any]], bool]:
        """Return one page, newest first, and whether there are more. `older_than`: an id."""
        rows = self._disk.rows(
            "SELECT * FROM suppressions WHERE seq < coalesce((SELECT seq FROM suppressions WHERE id = ?), 1 << 62)"
            " ORDER BY seq DESC LIMIT ?",
            older_than, limit + 1,
        )  # fmt: skip
        return [_shape(row) for row in rows[:limit]], len(rows) > limit

    def remove(self, id_or_email: str) -> str | None:
        """Remove a suppression. Return its id, or None when there is none."""
        found = self.find(id_or_email)
        if found is None:
            return None
        self._disk.run("DELETE FROM suppressions WHERE id = ?", found["id"])
        return str(found["id"])


class Account:
    """The handlers of /suppressions, /domains and /webhooks."""

    def __init__(self, sandbox: Sandbox, mails: Mails, suppressions: Suppressions) -> None:
        self._sandbox = sandbox
        self._mails = mails
        self._suppressions = suppressions

    async def suppress(self, request: web.Request) -> web.Response:
        payload = await read_json(request)
        email = payload.get("email") if isinstance(payload, dict) else None
        if not email:
            raise missing("email")
        address = bare_address(str(email))
        if address is None:
            raise invalid("Invalid `email` field.")
        suppression_id = self._suppressions.add(address, "manual", now_ms=self._sandbox.clock.now_ms())
        return web.json_response({"object": "suppression", "id": suppression_id}, status=201)

    async def list_suppressions(self, request: web.Request) -> web.Response:
        page = read_page(request.query)
        found, has_more = self._suppressions.newest(page.limit, page.after)
        return web.json_response(shapes.listing(found, has_more=has_more))

    async def get_suppression(self, request: web.Request) -> web.Response:
        found = self._suppressions.find(request.match_info["id"])
        if found is None:
            raise ResendProblem(404, "not_found", "Suppression not found")
        return web.json_response(found)

    async def unsuppress(self, request: web.Request) -> web.Response:
        removed = self._suppressions.remove(request.match_info["id"])
        if removed is None:
            raise ResendProblem(404, "not_found", "Suppression not found")
        return web.json_response({"object": "suppression", "id": removed, "deleted": True})

    async def list_domains(self, request: web.Request) -> web.Response:
        found = [shapes.domain(name) for name in self._domains()]
        return web.json_response(shapes.listing(found, has_more=False))

    async def get_domain(self, request: web.Request) -> web.Response:
        """Return a domain. In the sandbox, a domain's id is its name."""
        name, dials = request.match_info["id"], self._sandbox.dials
        if name not in self._domains():
            raise ResendProblem(404, "not_found", "Domain not found")
        tracking = {"click_tracking": dials.resend_click_tracking, "open_tracking": dials.resend_open_tracking}
        return web.json_response({"object": "domain", **shapes.domain(name), "records": [], **tracking})

    async def list_webhooks(self, request: web.Request) -> web.Response:
        """List the only webhook, which posts delivery events to the gateway."""
        dials = self._sandbox.dials
        events = dials.webhook_events if dials.webhook_events is not None else list(EVENTS)
        webhook = shapes.webhook(self._sandbox.webhook_url, events, is_enabled=dials.webhooks)
        return web.json_response(shapes.listing([webhook], has_more=False))

    def _domains(self) -> list[str]:
        verified = self._sandbox.dials.resend_verified_domains
        return verified if verified is not None else sorted({*self._sandbox.own_domains, *self._mails.sender_domains()})


def _shape(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "object": "suppression",
        "id": row["id"],
        "email": row["email"],
        "origin": row["origin"],
        "source_id": row["source_id"],
        "created_at": iso(row["created_ms"]),
    }
