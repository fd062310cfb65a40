"""All routes of the imitated Resend, and the objects that serve them."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from services.sandbox.faults import fault_middleware
from services.sandbox.middleware import counting_middleware, error_middleware
from services.sandbox.resend.account import Account, Suppressions
from services.sandbox.resend.delivery import Delivery
from services.sandbox.resend.errors import ResendProblem, fault_response
from services.sandbox.resend.mails import Mails
from services.sandbox.resend.middleware import (
    admission_middleware,
    idempotency_key_middleware,
    known_problem,
    rate_limit_middleware,
)
from services.sandbox.resend.reading import Reading
from services.sandbox.resend.scheduler import Scheduler
from services.sandbox.resend.sending import Sending
from services.sandbox.resend.webhooks import Webhooks
from services.sandbox.state import Sandbox


class ResendApi:
    """The imitated Resend: its mails, and the application to mount under `/resend`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.mails = Mails(sandbox.disk)
        self._suppressions = Suppressions(sandbox.disk)
        webhooks = Webhooks(sandbox)
        self.delivery = Delivery(sandbox, self.mails, self._suppressions, webhooks)
        self.scheduler = Scheduler(sandbox, self.delivery, webhooks)

    def app(self) -> web.Application:
        sandbox = self._sandbox
        faults = fault_middleware(sandbox.faults, "resend", fault_response)
        app = web.Application(
            middlewares=[
                counting_middleware(sandbox.tally, "resend"),
                rate_limit_middleware(sandbox),
                error_middleware(known_problem, ResendProblem(500, "application_error")),
                admission_middleware(sandbox, self.mails),
                faults,
                idempotency_key_middleware(sandbox),
            ]
        )
        self._add_routes(app.router.add_route)
        app.cleanup_ctx.append(self.scheduler.running)
        return app

    def _add_routes(self, add: Callable[..., object]) -> None:
        sending = Sending(self._sandbox, self.mails, self.delivery, self.scheduler)
        reading = Reading(self._sandbox, self.mails, self.delivery, self.scheduler)
        account = Account(self._sandbox, self.mails, self._suppressions)
        add("POST", "/emails", sending.send, name="emails.send")
        add("POST", "/emails/batch", sending.send_batch, name="emails.batch")
        add("GET", "/emails", reading.list_mails, name="emails.list")
        add("GET", "/emails/{id}", reading.get_mail, name="emails.get")
        add("PATCH", "/emails/{id}", reading.update_mail, name="emails.update")
        add("POST", "/emails/{id}/cancel", reading.cancel_mail, name="emails.cancel")
        add("POST", "/suppressions", account.suppress, name="suppressions.add")
        add("GET", "/suppressions", account.list_suppressions, name="suppressions.list")
        add("GET", "/suppressions/{id}", account.get_suppression, name="suppressions.get")
        add("DELETE", "/suppressions/{id}", account.unsuppress, name="suppressions.remove")
        add("GET", "/domains", account.list_domains, name="domains.list")
        add("GET", "/domains/{id}", account.get_domain, name="domains.get")
        add("GET", "/webhooks", account.list_webhooks, name="webhooks.list")
