"""What a person reads instead of a traceback: one line a problem, with the cure."""

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
}


class CommandFailed(Exception):
    """A command could not do what it was asked; the message is the line to show."""


def cures_of(error: Exception) -> list[str]:
    """The lines for a failure that somebody outside the code can cure; empty for our own mistakes."""
    import redis

    from common.campaigns.errors import CampaignError
    from common.errors import Failure

    match error:
        case SettingsError(problems=problems):
            return problems
        case StoreError() | CampaignError() | CommandFailed():
            return [_one_line(error)]
        case redis.ConnectionError() | redis.TimeoutError():
            return [f"the data store does not answer ({_one_line(error)}); start it, or correct REDIS_URL"]
        case redis.RedisError():
            return [f"the data store refuses ({_one_line(error)}); look at its log"]
        case Failure():
            from services.cli.shared import settings_as_they_are

            return [of_provider(error, settings_as_they_are())]
        case OSError(errno=number) if number in _MACHINE:
            where = f"{error.filename}: " if error.filename else ""
            return [f"{where}{error.strerror}; {_MACHINE[number]}"]
        case FileNotFoundError() if not _folder_is_there():
            return ["the folder that you are in is gone; go to one that is there"]
    return []


_MACHINE = {
    errno.ENOSPC: "make room, then try again",
    errno.EDQUOT: "make room, then try again",
    errno.EROFS: "let it be written to, or set DATA_DIR to another folder",
    errno.EACCES: "be the user whose it is, or set DATA_DIR to a folder of yours",
    errno.EPERM: "be the user whose it is, or set DATA_DIR to a folder of yours",
    errno.EMFILE: "allow more open files (`ulimit -n`)",
}
"""What a machine refuses to anybody's code, and the cure."""


def _folder_is_there() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def of_provider(failure: Failure, settings: Settings) -> str:
    """Which provider did not do it, and why; where it cannot be reached, where it was looked for and what to set."""
    from common.providers.cures import cure_of

    if failure.provider not in _PROVIDERS:
        # What we found out ourselves is a whole line already: a column that is not there.
        return failure.detail or f"the provider did not do it ({_one_line(failure)})"
    name, setting = _PROVIDERS[failure.provider]
    if failure.code != "connect":
        reason = f"{failure.code} ({failure.status})" if failure.status else failure.code
        cure = cure_of(failure.provider, reason)
        return f"{name} did not do it ({_one_line(failure)})" + (f"; {cure}" if cure else "")
    if failure.provider in settings.sandboxed:
        return (
            f"the sandbox, which stands in for {name}, does not answer at {settings.sandbox_url}; start `advent up` or"
            " `advent sandbox`, or set SANDBOX_HOST and SANDBOX_PORT as they have it"
        )
    # Without its path: it may hold a token.
    where = urlsplit(getattr(settings, setting))
    port = f":{where.port}" if where.port else ""
    return f"{name} cannot be reached at {where.hostname}{port}; look at the network, or correct {setting.upper()}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
