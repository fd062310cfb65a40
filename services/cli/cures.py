"""What a person reads instead of a traceback: one line a problem, with the cure."""

from __future__ import annotations

from common.settings import SettingsError
from common.store_clients import StoreError


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
            return [f"the provider did not do it ({_one_line(error)})"]
    return []


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
