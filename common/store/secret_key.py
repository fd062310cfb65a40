"""
Is SECRET_KEY the one that this store's list of addresses never to be written to was made with?

Under another key nobody would know who has left, and nobody would notice. So a store keeps a fingerprint of the key it
was begun with, `secret_key`: written by the first process that looks at it, and compared by every other.
"""

from __future__ import annotations

from typing import Any, Final

import redis
import redis.asyncio

from common.domain.suppression import key_fingerprint
from common.ledger import keys

ANOTHER: Final = (
    "SECRET_KEY: not the one that this store was begun with, so it would not know who has left, and links in mails"
    " already sent would not work; set the old one, or, if that is gone, `advent check --accept-new-secret-key`"
)


_SAY: Final = """
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
redis.pcall('SET', KEYS[1], ARGV[1])  -- A replica cannot, a full store either: whoever comes later can.
return ARGV[1]
"""


def is_the_stores(client: redis.Redis, secret_key: str) -> bool:
    """Whether the store was begun with this key; one that knows none takes this one. Raises `redis.RedisError`."""
    ours = key_fingerprint(secret_key).encode()
    said: Any = client.eval(_SAY, 1, keys.SECRET_KEY, ours)
    return bool(said == ours)


async def is_the_stores_async(client: redis.asyncio.Redis, secret_key: str) -> bool:
    """The same, for one event loop."""
    ours = key_fingerprint(secret_key).encode()
    answer: Any = client.eval(_SAY, 1, keys.SECRET_KEY, ours)
    said: Any = await answer
    return bool(said == ours)


async def is_another(client: redis.asyncio.Redis, secret_key: str) -> bool:
    """Whether the store knows another key; one that knows none is left so: a command is no start."""
    kept = await client.get(keys.SECRET_KEY)
    return kept not in (None, key_fingerprint(secret_key).encode())
