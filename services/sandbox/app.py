"""The whole sandbox as one application: three providers, the JSON beside them, the pages for people."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from services.sandbox.calcom.api import calcom_app
from services.sandbox.notion.api import notion_app
from services.sandbox.people.pages import People
from services.sandbox.resend.api import ResendApi
from services.sandbox.state import Sandbox
from services.sandbox.tools import Tools

BODY_MAX_BYTES = 45 * 1024 * 1024  # Resend takes 40 MB of attachments.

SANDBOX = web.AppKey("sandbox", Sandbox)


def build_app(sandbox: Sandbox) -> web.Application:
    """The application, to be served or tested. It does not close the sandbox: whoever opened it does."""
    app = web.Application(client_max_size=BODY_MAX_BYTES, middlewares=[own_pages_only])
    app[SANDBOX] = sandbox
    resend = ResendApi(sandbox)
    tools = Tools(sandbox, resend)
    tools.add_routes(app)
    People(sandbox, resend, tools).add_routes(app)
    app.add_subapp("/resend", resend.app())
    app.add_subapp("/notion/v1", notion_app(sandbox))
    app.add_subapp("/calcom", calcom_app(sandbox))
    return app


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Another site's page, open in the same browser, must not turn the dials."""
    if request.method not in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise web.HTTPForbidden(text="This request comes from another site's page.")
    return await handler(request)
