"""The part of `advent check` for Twilio: whether the account can be used."""

from __future__ import annotations

from common.clock import SystemClock
from common.providers.build import build_texter
from common.settings.settings import Settings
from services.cli.check_report import CheckReport


async def check_twilio(settings: Settings, found: CheckReport) -> None:
    """Raises a `Failure` when Twilio does not list the account's SMS."""
    clock = SystemClock()
    texter = build_texter(settings, clock)
    if texter is None:
        return  # The check of the settings names what is missing.
    try:
        await texter.list_accepted(clock.now_ms())
    finally:
        await texter.close()
    found.notes.append("Twilio: the account answers")
