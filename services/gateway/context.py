"""The gateway's context: what a handler may use. It is built once at the start and passed to every handler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from common.campaigns.campaigns import Campaigns
from common.clock import Clock
from common.settings.settings import Settings
from common.store.monitor import StoreMonitor
from common.versions.played import PlayedVersions
from services.gateway.intake import Intake
from services.gateway.signatures import CalcomSignatures, StandardSignatures, TwilioSignatures
from services.gateway.spool.replay import Replay
from services.gateway.validation.signup_shape import SignupShape
from services.web.rate_limit import FailureLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayContext:
    """
    What the handlers share.

    `campaigns`: the campaigns that accept signups. `shapes`: the fields of their signups, by campaign key. `versions`
    keeps both at the versions in force. `secret_key` signs unsubscribe links. `website`, `calcom`, `resend` and
    `twilio` verify the webhooks of these senders. `failures` limits failed verifications by source.
    """

    clock: Clock
    settings: Settings
    secret_key: str
    campaigns: Campaigns
    shapes: Mapping[str, SignupShape]
    versions: PlayedVersions
    intake: Intake
    replay: Replay
    monitor: StoreMonitor
    website: StandardSignatures
    calcom: CalcomSignatures
    resend: StandardSignatures
    twilio: TwilioSignatures
    failures: FailureLimiter
