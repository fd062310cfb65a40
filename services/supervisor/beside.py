"""
What a command takes over from the `advent up` beside which it runs: its pace, its campaign, where its processes answer.

What was set for the command itself, in the environment or in `.env`, stands; where that makes it tell another plan than
the one by which mail goes out, `differences` says so. Secrets are never among it.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from common.settings.settings import Settings
from services.supervisor.house import Running, running_in

PLANNING = (
    "campaign",
    "campaigns_dir",
    "testing_mode",
    "campaign_speed",
    "retry_attempts",
    "retry_delay_seconds",
    "resend_requests_per_second",
    "notion_requests_per_minute",
)
"""By these it is decided what goes out when."""

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


def shared(settings: Settings) -> dict[str, Any]:
    """What `advent up` writes down of its settings, as JSON has it."""
    told = settings.model_dump(mode="json", include=set(SHARED))
    # A relative folder is one beside `advent up`, not beside the command.
    return {**told, "campaigns_dir": str(settings.campaigns_dir.resolve()) if settings.campaigns_dir else None}


def beside(settings: Settings) -> Running | None:
    """The `advent up` in DATA_DIR, unless a REDIS_URL of their own leads these settings to another store."""
    running = running_in(settings)
    if running is None or settings.redis_url is None or running.store_url in (None, settings.redis_url):
        return running
    return None


def adopted(settings: Settings, *, own: tuple[str, ...] = ()) -> Settings:
    """
    The same settings, with those of `advent up` for what is not set; `own` names what a process of its own keeps.

    `settings` as they were read: what counts as set is what `load_settings` found.
    """
    running = beside(settings)
    told = _told(running) if running else Settings()
    update = {name: getattr(told, name) for name in told.model_fields_set - settings.model_fields_set - set(own)}
    return settings.model_copy(update=update) if update else settings


def differences(settings: Settings) -> str | None:
    """One line on what these settings, as they were read, plan by otherwise than `advent up` does; None: nothing."""
    running = beside(settings)
    if running is None:
        return None
    told = _told(running)
    found = [
        f"{name.upper()} is {_text(getattr(settings, name))} here and {_text(getattr(told, name))} there"
        for name in PLANNING
        if name in settings.model_fields_set & told.model_fields_set and getattr(settings, name) != getattr(told, name)
    ]
    if not found:
        return None
    return f"set otherwise than in the `advent up` that runs: {', '.join(found)}; what is told here follows the former"


def _told(running: Running) -> Settings:
    """What it wrote down, as far as this version knows it: it may be of another one, of before an upgrade."""
    try:
        return Settings.model_validate({name: running.settings[name] for name in SHARED if name in running.settings})
    except ValidationError:
        return Settings()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
