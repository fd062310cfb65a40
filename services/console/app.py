"""The console, to be seen whole: what it is made of, and what it does while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from common.clock import Clock
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.store.clock_sync import correct_clock
from common.store.monitor import StoreMonitor
from services.console.around import around
from services.console.desk import DESK, Desk
from services.console.door import check_door
from services.console.evidence import Evidence
from services.console.limits import Failures
from services.console.queries import Seen, look
from services.console.queues.dashboard import close_dashboard, open_dashboard
from services.console.replies import make_environment
from services.console.routes import ROUTES
from services.console.session import Sessions
from services.console.spool import spooled

BODY_BYTES_MAX = 64 * 1024


def build_desk(settings: Settings, *, clock: Clock, ledger: Ledger, campaign_name: str) -> Desk:
    """Raises SettingsError for a console that anybody could walk into, and without SECRET_KEY."""
    check_door(settings)
    lookout = StoreMonitor(ledger.client, settings.secret)

    async def look_now() -> Seen:
        await correct_clock(ledger.client, clock)
        return await look(ledger, settings, now_ms=clock.now_ms(), weak=lookout.warnings)

    async def ask_spool() -> int | None:
        return await spooled(settings.gateway_url)

    return Desk(
        clock=clock,
        settings=settings,
        ledger=ledger,
        lookout=lookout,
        evidence=Evidence(look_now, ask_spool, clock),
        sessions=Sessions(settings.secret, settings.console_token, clock),
        failures=Failures(),
        environment=make_environment(),
        campaign_name=campaign_name,
    )


def build_app(desk: Desk) -> web.Application:
    """The application around a desk; it keeps looking while it runs."""
    app = web.Application(middlewares=[around], client_max_size=BODY_BYTES_MAX)
    app[DESK] = desk
    app.add_routes(ROUTES)
    app.on_startup.append(open_dashboard)
    app.on_cleanup.append(close_dashboard)
    app.cleanup_ctx.append(_looking)
    return app


async def _looking(app: web.Application) -> AsyncIterator[None]:
    desk = app[DESK]
    looking = [asyncio.create_task(each) for each in (desk.evidence.keep_looking(), desk.lookout.run())]
    yield
    desk.lookout.stop()
    for task in looking:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
