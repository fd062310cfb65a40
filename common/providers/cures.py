"""Cures: what a person can do about a failure of a provider."""

from __future__ import annotations

import re
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


_KEYS: Mapping[str, str] = {
    "resend": "RESEND_API_KEY",
    "twilio": "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
    "notion": "NOTION_TOKEN",
    "calcom": "CALCOM_API_KEY",
}
_REFUSED = re.compile(r"(?!http_|network_edge).* \((401|403)\)")
"""A refusal by the provider itself. Our codes `http_…` and `network_edge` mean a proxy or network in front of it."""


def cure_of(provider: str, reason: str) -> str:
    """
    Return the cure of a failure, or "" if none is known: it may end on its own.

    `reason`: a failure's code, or a circuit's reason, `invalid_api_key (403)`.
    """
    cures = _CURES.get(provider, {})
    if cure := cures.get(reason) or cures.get(reason.partition(" (")[0]):
        return cure
    return f"check the key: {_KEYS[provider]}" if provider in _KEYS and _REFUSED.fullmatch(reason) else ""
