"""
The check whether this process may use this store: made before a start, and by `StoreMonitor` while it runs.

A store holds a fingerprint of the SECRET_KEY that its first process used; every other process compares its own. With
another key no suppressed address would be recognised, and contacts who unsubscribed would get mail again.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

import redis
import redis.asyncio

from common.domain.ids import key_fingerprint
from common.settings.settings import Settings, SettingsError
from common.store.clients import connect
from common.store.errors import STORE_ERRORS
from common.store.format import format_problem
from common.store.refusals import find_refusal_blocking

SECRET_KEY: Final = "{advent}:secret_key"
"""STRING: the fingerprint of SECRET_KEY."""

SECRET_KEY_MISMATCH: Final = (
    "SECRET_KEY: not the one that this store was begun with, so it would not know who has left, and links in mails"
    " already sent would not work; set the old one, or, if that is gone, `advent check --accept-new-secret-key`"
)

ANSWER_SECONDS_MAX = 2

_READ_OR_SET: Final = """
local fingerprint = redis.call('GET', KEYS[1])
if fingerprint then return fingerprint end
redis.pcall('SET', KEYS[1], ARGV[1])  -- A replica cannot, nor can a full store: a later process does.
return ARGV[1]
"""


def refuse_unusable_store(settings: Settings) -> None:
    """
    Raise SettingsError if the store answers but cannot be used, has another format, or another SECRET_KEY.

    If the store does not answer now, the `StoreMonitor` of each process checks it as soon as it does.
    """
    assert settings.redis_url is not None
    with connect(settings.redis_url) as client:
        client.connection_pool.connection_kwargs["socket_timeout"] = ANSWER_SECONDS_MAX
        with contextlib.suppress(*STORE_ERRORS):
            if problem := _problem_with(client, settings.secret):
                raise SettingsError([problem])


def secret_key_matches(client: redis.Redis, secret_key: str) -> bool:
    """Return whether the store uses this key; a store without a key takes this one. Raises `redis.RedisError`."""
    fingerprint = key_fingerprint(secret_key).encode()
    answer: Any = client.eval(_READ_OR_SET, 1, SECRET_KEY, fingerprint)
    return bool(answer == fingerprint)


async def secret_key_matches_async(client: redis.asyncio.Redis, secret_key: str) -> bool:
    """Like `secret_key_matches`, for one event loop."""
    fingerprint = key_fingerprint(secret_key).encode()
    answer: Any = client.eval(_READ_OR_SET, 1, SECRET_KEY, fingerprint)
    return bool(await answer == fingerprint)


async def secret_key_differs(client: redis.asyncio.Redis, secret_key: str) -> bool:
    """Return whether the store uses another key. Writes nothing, because a command must not set the key of a store."""
    return await client.get(SECRET_KEY) not in (None, key_fingerprint(secret_key).encode())


def _problem_with(client: redis.Redis, secret: str) -> str | None:
    refusal = find_refusal_blocking(client)
    if refusal is not None and refusal.is_final:
        return refusal.line
    return format_problem(client) or (None if secret_key_matches(client, secret) else SECRET_KEY_MISMATCH)
