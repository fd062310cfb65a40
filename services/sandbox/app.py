"""The whole sandbox as one application: four providers, JSON routes for tests, and web pages."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from services.sandbox.calcom.api import calcom_app
from services.sandbox.notion.api import notion_app
from services.sandbox.notion.page_store import PageStore
from services.sandbox.resend.api import ResendApi
from services.sandbox.state import Sandbox
from services.sandbox.tools import Tools
from services.sandbox.twilio.api import TwilioApi
from services.sandbox.web_ui.pages import WebUi

BODY_BYTES_MAX = 45 * 1024 * 1024
"""Resend accepts 40 MB of attachments."""

PAGE_STORE = web.AppKey("page_store", PageStore)


def build_app(sandbox: Sandbox) -> web.Application:
    """Build the application for a server or a test. The caller closes the sandbox."""
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[own_pages_only])
    resend = ResendApi(sandbox)
    app[PAGE_STORE] = store = PageStore(sandbox.disk, sandbox.clock)
    twilio = TwilioApi(sandbox)
    tools = Tools(sandbox, store, resend, twilio)
    tools.add_routes(app)
    WebUi(sandbox, store, resend, twilio, tools).add_routes(app)
    app.router.add_get("/resend", _root)
    app.add_subapp("/resend", resend.app())
    app.add_subapp("/notion/v1", notion_app(sandbox, store))
    app.add_subapp("/calcom", calcom_app(sandbox))
    app.add_subapp("/twilio", twilio.app())
    return app


async def _root(_request: web.Request) -> web.Response:
    """
    Respond at the provider's base address.

    This is no operation of the provider's API and is not counted. A worker requests it to read the `Date` header.
    """
    return web.Response(text="Resend\n")


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Reject changes that come from a page of another site, open in the same browser."""
    if request.method not in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise web.HTTPForbidden(text="This request comes from another site's page.")
    return await handler(request)
