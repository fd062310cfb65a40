"""
What a command inherits from the `advent up` that runs in the same DATA_DIR: pace, campaign, addresses.

A setting of the command itself, in the environment or in `.env`, wins. If the command then shows another plan than the
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
"""The settings that decide what is sent when."""

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
    """Return the settings that `advent up` shares, as JSON values."""
    values = settings.model_dump(mode="json", include=set(SHARED))
    # A relative folder is relative to where `advent up` was started, not the command.
    return {**values, "campaigns_dir": str(settings.campaigns_dir.resolve()) if settings.campaigns_dir else None}


def find_running(settings: Settings) -> RunInfo | None:
    """Return the `advent up` in DATA_DIR, or None when none runs or REDIS_URL names another store than its own."""
    running = running_in(settings)
    if running is None or settings.redis_url is None or running.store_url in (None, settings.redis_url):
        return running
    return None


def with_inherited_settings(settings: Settings, *, own: tuple[str, ...] = ()) -> Settings:
    """
    Return the settings, completed with those of `advent up` for what is not set.

    `settings`: as `load_settings` returned them, because they tell what was set. `own`: names that are not inherited.
    """
    running = find_running(settings)
    theirs = _settings_of(running) if running else Settings()
    update = {name: getattr(theirs, name) for name in theirs.model_fields_set - settings.model_fields_set - set(own)}
    return settings.model_copy(update=update) if update else settings


def plan_differences(settings: Settings) -> str | None:
    """Return one line on how these settings, as loaded, differ from those of `advent up`; None if they do not."""
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
    return f"settings differ from the running `advent up`: {', '.join(found)}; this command uses the values from here"


def _settings_of(running: RunInfo) -> Settings:
    """Return its settings, as far as this version knows them: during an upgrade, its version may be another one."""
    try:
        return Settings.model_validate({name: running.settings[name] for name in SHARED if name in running.settings})
    except ValidationError:
        return Settings()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
