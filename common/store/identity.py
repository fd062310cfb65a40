"""Before a start: is this a store that this process can work on?"""

from __future__ import annotations

import contextlib

import redis

from common.settings.settings import Settings, SettingsError
from common.store.clients import REFUSALS, connect, refusal
from common.store.format import format_problem
from common.store.secret_key import ANOTHER, is_the_stores

ANSWER_SECONDS_MAX = 2


def refuse_another(settings: Settings) -> None:
    """
    Raises SettingsError when the store answers, and refuses us, is written as we cannot read, or knows another
    SECRET_KEY.

    A store that does not answer now is asked again once it does, by the lookout of each process.
    """
    assert settings.redis_url is not None
    with connect(settings.redis_url) as client:
        client.connection_pool.connection_kwargs["socket_timeout"] = ANSWER_SECONDS_MAX
        with contextlib.suppress(redis.RedisError, OSError):
            if problem := _problem_with(client, settings.secret):
                raise SettingsError([problem])


def _problem_with(client: redis.Redis, secret: str) -> str | None:
    try:
        return format_problem(client) or (None if is_the_stores(client, secret) else ANOTHER)
    except REFUSALS as error:
        return refusal(error)
