"""
The settings that each process needs. It reads no others; of the other secrets it only knows whether they are set.

A deployment may therefore set a secret's `<NAME>_FILE` for every process, and give the file to those that need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ELSEWHERE: Final = "elsewhere"
"""The value of `<NAME>_FILE` when the secret is set, but was not given to this process."""

NOT_READ: Final = "set, but not read by this process"
"""The value of a secret that is set, but that the process does not need or was not given."""

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

_EVERY: Final = (
    "data_dir",
    "log_format",
    "log_level",
    # Whether a provider is a test double on this machine decides how strict the rules are.
    "resend_api_url",
    "notion_base_url",
    # Decides which secrets are generated for the sandbox.
    "allow_unsigned_webhooks",
)
_LEDGER = ("redis_url", "secret_key", "campaigns", "campaign", "campaigns_dir", "testing_mode", "campaign_speed")
_IDENTITY = ("email_from", "email_reply_to", "email_postal_address", "booking_url")
_GATEWAY_ADDRESS = ("gateway_host", "gateway_port")
_SANDBOX_ADDRESS = ("sandbox_host", "sandbox_port")
# Twilio signs its webhooks with the token that also authenticates requests to it.
_WEBHOOK_SECRETS = ("webhook_secret", "calcom_webhook_secret", "resend_webhook_secret", "twilio_auth_token")

NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "gateway": frozenset(
        (
            *_EVERY,
            *_LEDGER,
            *_IDENTITY,
            *_GATEWAY_ADDRESS,
            *_WEBHOOK_SECRETS,
            "trusted_proxies",
            "public_url",
            "calcom_event_types",
            "signups_per_hour",
            "signups_per_source_per_hour",
            "meeting_hosts",
            "soft_bounce_limit",
        )
    ),
    "worker": frozenset(
        (
            *_EVERY,
            *_LEDGER,
            *_IDENTITY,
            *_GATEWAY_ADDRESS,
            *_SANDBOX_ADDRESS,
            "metrics_host",
            "worker_metrics_port",
            "public_url",
            "testing_recipients",
            "notion_token",
            "notion_email_sequence_db_id",
            "notion_businessx_db_id",
            "notion_requests_per_minute",
            "resend_api_key",
            "resend_requests_per_second",
            "twilio_account_sid",
            "twilio_auth_token",
            "twilio_from",
            "twilio_api_url",
            "twilio_requests_per_second",
            "calcom_event_types",
            "calcom_api_key",
            "calcom_api_url",
            "meeting_hosts",
            "retry_attempts",
            "retry_delay_seconds",
            "retention_days",
            "hot_lead_webhook_url",
            "healthcheck_ping_url",
        )
    ),
    "console": frozenset(
        (
            *_EVERY,
            *_LEDGER,
            *_IDENTITY,
            *_GATEWAY_ADDRESS,
            "console_host",
            "console_port",
            "console_token",
            "console_users",
            "console_user_header",
            "trusted_proxies",
            "public_url",
            "meeting_hosts",
            "notion_requests_per_minute",
            "resend_requests_per_second",
            "twilio_requests_per_second",
        )
    ),
    # It signs webhooks as Resend, Cal.com and Twilio do.
    "sandbox": frozenset(
        (
            *_EVERY,
            *_GATEWAY_ADDRESS,
            *_SANDBOX_ADDRESS,
            "public_url",
            "email_from",
            "calcom_webhook_secret",
            "resend_webhook_secret",
            "twilio_auth_token",
        )
    ),
    "health": frozenset((*_EVERY, *_LEDGER, *_GATEWAY_ADDRESS)),
}
"""The settings of each process; `health` is `advent health`, run by a timer. Other commands need all settings."""

SERVICES: Final = frozenset(("gateway", "worker", "console", "sandbox"))
"""These read no `.env`, because a user who can write their working folder must not change their settings."""


def is_needed(name: str, process: str | None) -> bool:
    """Return whether this process reads the setting. `process`: None for a command that needs all."""
    return process is None or name in NEEDED[process]
