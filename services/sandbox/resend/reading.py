"""GET /emails and /emails/{id}; rescheduling and cancelling a scheduled mail."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from services.sandbox.ids import as_uuid
from services.sandbox.resend import shapes
from services.sandbox.resend.delivery import Delivery
from services.sandbox.resend.errors import ResendProblem, invalid, missing
from services.sandbox.resend.mails import AcceptedMail, Mails
from services.sandbox.resend.requests import read_json, read_page, scheduled_ms
from services.sandbox.resend.scheduler import Scheduler
from services.sandbox.state import Sandbox


@dataclass(frozen=True)
class Reading:
    """The handlers that read and change accepted mails."""

    sandbox: Sandbox
    mails: Mails
    delivery: Delivery
    scheduler: Scheduler

    async def list_mails(self, request: web.Request) -> web.Response:
        page = read_page(request.query)
        self.delivery.settle_due()
        older = self._mail(page.after).seq if page.after else None
        newer = self._mail(page.before).seq if page.before else None
        found = self.mails.newest(limit=page.limit + 1, older_than=older, newer_than=newer)
        shown = found[-page.limit :] if newer is not None else found[: page.limit]
        return web.json_response(
            shapes.listing([shapes.mail_line(mail) for mail in shown], has_more=len(found) > page.limit)
        )

    async def get_mail(self, request: web.Request) -> web.Response:
        self.delivery.settle_due()
        return web.json_response(shapes.mail(self._mail(request.match_info["id"])))

    async def update_mail(self, request: web.Request) -> web.Response:
        mail, payload = self._scheduled(request), await read_json(request)
        if not isinstance(payload, dict) or not payload.get("scheduled_at"):
            raise missing("scheduled_at")
        at_ms = scheduled_ms(payload["scheduled_at"], now_ms=self.sandbox.clock.now_ms())
        with self.sandbox.disk.transaction():
            self.delivery.cancel(mail.id)
            self.mails.set_last_event(mail.id, "scheduled")
            self.mails.reschedule(mail.id, at_ms)
            self.delivery.plan(self._mail(mail.id))
        self.scheduler.wake()
        return web.json_response({"object": "email", "id": mail.id})

    async def cancel_mail(self, request: web.Request) -> web.Response:
        mail = self._scheduled(request)
        with self.sandbox.disk.transaction():
            self.delivery.cancel(mail.id)
        return web.json_response({"object": "email", "id": mail.id})

    def _mail(self, mail_id: str) -> AcceptedMail:
        known = as_uuid(mail_id)
        if known is None:
            raise invalid("The `id` must be a valid UUID.")
        mail = self.mails.get(known)
        if mail is None:
            raise ResendProblem(404, "not_found", "Email not found")
        return mail

    def _scheduled(self, request: web.Request) -> AcceptedMail:
        self.delivery.settle_due()
        mail = self._mail(request.match_info["id"])
        if mail.last_event != "scheduled":
            raise invalid("Only scheduled emails can be updated or canceled.")
        return mail
