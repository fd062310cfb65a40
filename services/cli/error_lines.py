"""What a user reads instead of a traceback: one line for each problem, with the cure."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from common.settings.settings import Settings, SettingsError
from common.store.errors import StoreError

if TYPE_CHECKING:
    from common.errors import Failure


_PROVIDERS = {
    "resend": ("Resend", "resend_api_url"),
    "notion": ("Notion", "notion_base_url"),
    "calcom": ("Cal.com", "calcom_api_url"),
    "twilio": ("Twilio", "twilio_api_url"),
}


class CommandFailed(Exception):
    """A command could not do what was requested. The message is the line to print."""


def error_lines(error: Exception) -> list[str]:
    """Return the lines for an error that a user can fix; [] for an internal error."""
    import redis

    from common.campaigns.errors import CampaignError
    from common.errors import Failure
    from common.store.refusals import refusal_of

    match error:
        case SettingsError(problems=problems):
            return problems
        case StoreError() | CampaignError() | CommandFailed():
            return [_one_line(error)]
        case redis.ConnectionError() | redis.TimeoutError():
            return [f"the data store does not answer ({_one_line(error)}); start it, or correct REDIS_URL"]
        case redis.ResponseError() if refusal := refusal_of(error):
            return [refusal.line]
        case redis.RedisError():
            return [f"the data store refused the command ({_one_line(error)}); look at its log"]
        case Failure():
            from services.cli.shared import client_settings

            return [provider_error_line(error, client_settings())]
        case OSError(errno=number) if number in _MACHINE:
            where = f"{error.filename}: " if error.filename else ""
            return [f"{where}{error.strerror}; {_MACHINE[number]}"]
        case FileNotFoundError() if not _has_current_folder():
            return ["the current folder no longer exists; change to another"]
    return []


_MACHINE = {
    errno.ENOSPC: "free some space, then try again",
    errno.EDQUOT: "free some space, then try again",
    errno.EROFS: "make it writable, or set DATA_DIR to another folder",
    errno.EACCES: "run as the user who owns it, or set DATA_DIR to a folder of yours",
    errno.EPERM: "run as the user who owns it, or set DATA_DIR to a folder of yours",
    errno.EMFILE: "allow more open files (`ulimit -n`)",
}
"""Errors of the operating system, and how to fix them."""


def _has_current_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def provider_error_line(failure: Failure, settings: Settings) -> str:
    """Return which provider failed and why; for one that cannot be reached, its address and the setting to change."""
    from common.providers.cures import cure_of

    if failure.provider not in _PROVIDERS:
        # Advent's own findings, such as a missing column, are complete lines.
        return failure.detail or f"the provider failed ({_one_line(failure)})"
    name, setting = _PROVIDERS[failure.provider]
    if failure.code != "connect":
        reason = f"{failure.code} ({failure.status})" if failure.status else failure.code
        cure = cure_of(failure.provider, reason)
        return f"{name} failed ({_one_line(failure)})" + (f"; {cure}" if cure else "")
    if failure.provider in settings.sandboxed:
        return (
            f"the sandbox, which takes the place of {name}, does not answer at {settings.sandbox_url}; start"
            " `advent up` or `advent sandbox`, or set SANDBOX_HOST and SANDBOX_PORT to their values"
        )
    # The path is omitted, because it may contain a token.
    where = urlsplit(getattr(settings, setting))
    port = f":{where.port}" if where.port else ""
    return f"{name} cannot be reached at {where.hostname}{port}; check the network, or correct {setting.upper()}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
