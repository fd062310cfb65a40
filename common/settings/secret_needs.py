"""
Which secrets each process needs. It reads no other: of those it only knows whether they are set.

A deployment may therefore name a secret's file to every process and hand the file over to those that need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ELSEWHERE: Final = "elsewhere"
"""As the value of `<NAME>_FILE`: the secret is set, and was not handed over to this process."""

NOT_READ: Final = "set, but not read by this process"
"""The value of a secret that is set, and that the process does not need or was not given."""

SECRETS: Final = (
    "redis_url",
    "secret_key",
    "console_token",
    "webhook_secret",
    "calcom_webhook_secret",
    "resend_webhook_secret",
    "resend_api_key",
    "twilio_auth_token",
    "notion_token",
    "calcom_api_key",
    "hot_lead_webhook_url",
    "healthcheck_ping_url",
)

# Twilio signs with the token with which it is called.
_WEBHOOK_SECRETS = ("webhook_secret", "calcom_webhook_secret", "resend_webhook_secret", "twilio_auth_token")

NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "gateway": frozenset(("redis_url", "secret_key", *_WEBHOOK_SECRETS)),
    "worker": frozenset(
        (
            "redis_url",
            "secret_key",
            "resend_api_key",
            "twilio_auth_token",
            "notion_token",
            "calcom_api_key",
            "hot_lead_webhook_url",
            "healthcheck_ping_url",
        )
    ),
    "console": frozenset(("redis_url", "secret_key", "console_token")),
    # It signs webhooks as Resend, Cal.com and Twilio do.
    "sandbox": frozenset(("calcom_webhook_secret", "resend_webhook_secret", "twilio_auth_token")),
    "health": frozenset(("redis_url", "secret_key")),
}
"""By process; `health` is `advent health`, which a timer runs. A command that is not named here needs all."""

SERVICES: Final = frozenset(("gateway", "worker", "console", "sandbox"))
"""They read no `.env`: a user who can write their working folder must not be able to change their settings."""


def unneeded_secrets(process: str | None) -> frozenset[str]:
    """Those that this process does not read; `process`: None for a command that needs all."""
    return frozenset(SECRETS) - NEEDED[process] if process else frozenset()
