"""Report to the other processes of this store which providers this worker has."""

from __future__ import annotations

from common.background import repeat
from common.ledger.constants import CALENDAR, MAIL, MIRROR, TEXTS
from common.ledger.providers_in_use import REPORT_EVERY_S
from common.world import World


async def keep_reporting_providers(world: World) -> None:
    """Report every `REPORT_EVERY_S` until cancelled."""
    await repeat("provider_report", lambda: report_providers(world), every_s=REPORT_EVERY_S)


async def report_providers(world: World) -> None:
    has = {MAIL: True, MIRROR: True, TEXTS: world.texter is not None, CALENDAR: world.calendar is not None}
    providers = [provider for provider, is_there in has.items() if is_there]
    await world.ledger.providers_in_use.report(providers, now_ms=world.clock.now_ms())
