"""Clients of the data store, of whatever kind the address says, and what they may find there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.settings.values import sentinel_parts
from common.store.client_names import bearing
from common.store.hiredis_async import pack_in_c

# redis-py 8 retries a refused connection for seconds by default; a door must know at once, to use its spool.
_TIMEOUTS: dict[str, Any] = {"socket_connect_timeout": 2, "socket_timeout": 10}
_OPTIONS: dict[str, Any] = {**_TIMEOUTS, "health_check_interval": 30}


class StoreError(Exception):
    """The store cannot be started or reached; the message says what to do."""


def connect(url: str, *, process: str | None = None) -> redis.Redis:
    """A blocking client, for the broker's threads and the command line. `process`: see `store_company.py`."""
    retry: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
    options = {**_OPTIONS, **retry, **bearing(process)}
    if not url.startswith("sentinel://"):
        return redis.Redis.from_url(url, **options)
    nodes, primary = sentinel_parts(url)
    sentinel: Any = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # redis-py's Sentinel has no types
        nodes, sentinel_kwargs={**_TIMEOUTS, **retry}, **options, **_credentials(url)
    )
    client: redis.Redis = sentinel.master_for(primary)
    return client


def connect_async(url: str, *, process: str | None = None) -> redis.asyncio.Redis:
    """A client for one event loop. `process`: as `connect`."""
    retry: dict[str, Any] = {"retry": AsyncRetry(NoBackoff(), 0)}
    options = {**_OPTIONS, **retry, **bearing(process)}
    if not url.startswith("sentinel://"):
        return pack_in_c(redis.asyncio.Redis.from_url(url, **options))
    nodes, primary = sentinel_parts(url)
    sentinel: Any = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # as above
        nodes, sentinel_kwargs={**_TIMEOUTS, **retry}, **options, **_credentials(url)
    )
    client: redis.asyncio.Redis = sentinel.master_for(primary, connection_pool_class=_SentinelPool)
    return client


class _SentinelPool(redis.asyncio.sentinel.SentinelConnectionPool):
    """Closed with its client, and the connections to the sentinels with it; redis-py leaves those open."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def _credentials(url: str) -> dict[str, str]:
    """User and password of the data nodes; sentinels are asked without."""
    userinfo, at, _ = url.removeprefix("sentinel://").rpartition("@")
    if not at:
        return {}
    user, _, password = userinfo.partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}


def shown(url: str) -> str:
    """The address without user, password and options, for messages."""
    return re.sub(r"//[^/@]*@", "//", url).partition("?")[0]


REFUSALS = (redis.AuthenticationError, redis.exceptions.AuthorizationError)
"""What waiting does not cure, though to redis-py it is trouble with the connection."""


def refusal(error: Exception) -> str:
    return f"REDIS_URL: the store refuses us ({str(error).rstrip('.')}); set user and password in it"


def wait_for_store(url: str, say: Callable[[str], None], *, every_s: float = 3) -> None:
    """
    Return once the store answers; until then say so every `every_s` seconds.

    Waits as long as it takes: a store that is away comes back. Raises StoreError for what waiting does not cure.
    """
    began = said = time.monotonic()
    with connect(url) as client:
        while (reason := _why_not(client)) is not None:
            now = time.monotonic()
            if now - said >= every_s or said == began:
                say(f"waiting for the data store at {shown(url)} … {now - began:.0f} s ({reason})")
                said = now
            time.sleep(0.2)


def _why_not(client: redis.Redis) -> str | None:
    try:
        client.ping()
    except redis.BusyLoadingError:
        return "it is loading its data"
    except REFUSALS as error:
        raise StoreError(refusal(error)) from None
    except (redis.ConnectionError, redis.TimeoutError) as error:
        return str(error).rstrip(".")
    except redis.ResponseError as error:
        raise StoreError(f"REDIS_URL: the store refuses us ({error})") from None
    return None
