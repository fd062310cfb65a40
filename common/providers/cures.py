"""What a person can do about a failure of a provider."""

from __future__ import annotations

from collections.abc import Mapping

from common.providers.calcom import failures as calcom
from common.providers.notion import failures as notion
from common.providers.resend import failures as resend
from common.providers.twilio import failures as twilio

_CURES: Mapping[str, Mapping[str, str]] = {
    "resend": resend.CURES,
    "twilio": twilio.CURES,
    "notion": notion.CURES,
    "calcom": calcom.CURES,
}


def cure_of(provider: str, reason: str) -> str:
    """`reason`: a failure's code, or that of a circuit, `invalid_api_key (403)`. "" when it may pass by itself."""
    cures = _CURES.get(provider, {})
    return cures.get(reason) or cures.get(reason.partition(" (")[0], "")
