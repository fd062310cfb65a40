"""What a handler may touch: built once by the entry, received by everything else."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from common.clock import Clock
from common.settings.settings import Settings
from common.store.monitor import StoreMonitor
from services.gateway.intake import Intake
from services.gateway.replay import Replay
from services.gateway.sources import Failures
from services.gateway.webhooks.verification import CalcomSignatures, Signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """
    `campaign_name`: what people read, *Christmas 2025*. `secret_key` signs unsubscribe links; `website`, `calcom` and
    `resend` tell whether a webhook is theirs.
    """

    clock: Clock
    settings: Settings
    secret_key: str
    campaign_name: str
    intake: Intake
    replay: Replay
    website: Signatures
    calcom: CalcomSignatures
    resend: Signatures
    failures: Failures


DOOR = web.AppKey("door", Door)
LOOKOUT = web.AppKey("lookout", StoreMonitor)
