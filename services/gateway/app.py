"""The gateway, to be seen whole: what it is made of, and what it answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from common.clock import Clock
from common.ledger.ledger import Ledger
from common.settings.settings import Settings, SettingsError
from common.store.monitor import StoreMonitor
from services.gateway.body import BODY_BYTES_MAX
from services.gateway.door import DOOR, LOOKOUT, Door
from services.gateway.intake import Intake
from services.gateway.middleware import AROUND, Around
from services.gateway.replay import Replay
from services.gateway.routes import ROUTES
from services.gateway.sources import Failures
from services.gateway.spool import Spool
from services.gateway.spool_folder import Folder
from services.gateway.store_watch import StoreWatch
from services.gateway.traffic import TRAFFIC, Traffic
from services.gateway.webhooks.usual import read_usual
from services.gateway.webhooks.verification import CalcomSignatures, Signatures


def build_door(settings: Settings, *, clock: Clock, ledger: Ledger, campaign_name: str) -> Door:
    """
    Everything a handler may touch.

    Raises SettingsError without SECRET_KEY: unsubscribe links signed with a guess would be worth nothing.
    """
    if not settings.secret_key:
        raise SettingsError(["SECRET_KEY: unset; set 32 or more random characters (`openssl rand -hex 32`)"])
    unsigned = settings.allow_unsigned_webhooks
    spool, store = Spool(Folder(settings.data_dir / "spool")), StoreWatch()
    return Door(
        clock=clock,
        settings=settings,
        secret_key=settings.secret_key,
        campaign_name=campaign_name,
        intake=Intake(ledger, spool, store),
        replay=Replay(ledger, spool, store, clock),
        website=Signatures.of(settings.webhook_secrets, allow_unsigned=unsigned),
        calcom=CalcomSignatures.of(settings.calcom_webhook_secrets, allow_unsigned=unsigned),
        resend=Signatures.of(settings.resend_webhook_secrets, prefix="svix", allow_unsigned=unsigned),
        failures=Failures(settings.trusted_networks),
    )


def build_app(door: Door) -> web.Application:
    """The application around a door; it replays the spool while it runs."""
    traffic = Traffic()
    around = Around(door.clock, traffic)
    app = web.Application(middlewares=[around.handle], client_max_size=BODY_BYTES_MAX)
    app[DOOR], app[TRAFFIC], app[AROUND] = door, traffic, around
    app[LOOKOUT] = StoreMonitor(door.intake.ledger.client, door.secret_key)
    app.add_routes(ROUTES)
    app.on_startup.append(_open)
    app.on_cleanup.append(_close)
    app.cleanup_ctx.append(_looking)
    return app


async def _open(app: web.Application) -> None:
    read_usual(b"")  # Reads the time zones from disk, and makes its patterns.
    await app[DOOR].replay.start()


async def _close(app: web.Application) -> None:
    await app[DOOR].replay.stop()
    await app[DOOR].intake.spool.close()


async def _looking(app: web.Application) -> AsyncIterator[None]:
    looking = asyncio.create_task(app[LOOKOUT].run())
    yield
    app[LOOKOUT].stop()
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
