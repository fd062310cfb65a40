"""What a handler may touch: built once by the entry, received by everything else."""

from __future__ import annotations

from dataclasses import dataclass

import jinja2
from aiohttp import web

from common.clock import Clock
from common.ledger.ledger import Ledger
from common.settings.settings import Settings
from common.store.monitor import StoreMonitor
from services.console.evidence import Evidence
from services.console.limits import Failures
from services.console.session import Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """`campaign_name`: what people read, *Christmas 2025*."""

    clock: Clock
    settings: Settings
    ledger: Ledger
    lookout: StoreMonitor
    evidence: Evidence
    sessions: Sessions
    failures: Failures
    environment: jinja2.Environment
    campaign_name: str


DESK = web.AppKey("desk", Desk)
