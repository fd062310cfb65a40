"""
What a command takes over from the `advent up` that runs in the same DATA_DIR: pace, campaign, addresses.

A setting of the command itself, in the environment or in `.env`, wins. Where that makes it show another plan than the
one that `advent up` follows, `plan_differences` says so. Secrets are never shared.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from common.settings.settings import Settings
from services.supervisor.run_dir import RunInfo, running_in

PLANNING = (
    "campaigns",
    "campaign",
    "campaigns_dir",
    "testing_mode",
    "campaign_speed",
    "retry_attempts",
    "retry_delay_seconds",
    "resend_requests_per_second",
    "twilio_requests_per_second",
    "notion_requests_per_minute",
)
"""These decide what is sent when."""

SHARED = (
    *PLANNING,
    "gateway_host",
    "gateway_port",
    "console_host",
    "console_port",
    "sandbox_host",
    "sandbox_port",
    "metrics_host",
    "worker_metrics_port",
    "allow_unsigned_webhooks",
)


def shared_settings(settings: Settings) -> dict[str, Any]:
    """What `advent up` writes down of its settings, as JSON has it."""
    values = settings.model_dump(mode="json", include=set(SHARED))
    # A relative folder is relative to the `advent up`, not to the command.
    return {**values, "campaigns_dir": str(settings.campaigns_dir.resolve()) if settings.campaigns_dir else None}


def find_running(settings: Settings) -> RunInfo | None:
    """The `advent up` in DATA_DIR, unless REDIS_URL names another store than its own."""
    running = running_in(settings)
    if running is None or settings.redis_url is None or running.store_url in (None, settings.redis_url):
        return running
    return None


def with_inherited_settings(settings: Settings, *, own: tuple[str, ...] = ()) -> Settings:
    """
    The same settings, with those of `advent up` for what is not set.

    `settings`: as `load_settings` returned them, because it knows what was set. `own`: names that are not taken over.
    """
    running = find_running(settings)
    theirs = _settings_of(running) if running else Settings()
    update = {name: getattr(theirs, name) for name in theirs.model_fields_set - settings.model_fields_set - set(own)}
    return settings.model_copy(update=update) if update else settings


def plan_differences(settings: Settings) -> str | None:
    """One line on where these settings, as they were loaded, plan otherwise than `advent up` does; None: nowhere."""
    running = find_running(settings)
    if running is None:
        return None
    theirs = _settings_of(running)
    found = [
        f"{name.upper()} is {_text(getattr(settings, name))} here and {_text(getattr(theirs, name))} there"
        for name in PLANNING
        if name in settings.model_fields_set & theirs.model_fields_set
        and getattr(settings, name) != getattr(theirs, name)
    ]
    if not found:
        return None
    return f"set otherwise than in the running `advent up`: {', '.join(found)}; this command follows the former"


def _settings_of(running: RunInfo) -> Settings:
    """As far as this version knows them: `advent up` may be of another version, during an upgrade."""
    try:
        return Settings.model_validate({name: running.settings[name] for name in SHARED if name in running.settings})
    except ValidationError:
        return Settings()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
