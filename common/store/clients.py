"""Clients of the data store. The scheme of its address selects the kind of client."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import hiredis
import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.retry import Retry

from common.settings.values import sentinel_parts
from common.store.client_names import client_name
from common.store.errors import StoreError, is_transient
from common.store.refusals import find_refusal_blocking

# By default redis-py 8 retries a refused connection for seconds; the gateway must know at once, to use its spool.
_TIMEOUTS: dict[str, Any] = {"socket_connect_timeout": 2, "socket_timeout": 10}
# Without `driver_info` redis-py reads its own version from disk for each connection.
_OPTIONS: dict[str, Any] = {**_TIMEOUTS, "health_check_interval": 30, "driver_info": DriverInfo()}


def connect(url: str, *, process: str | None = None) -> redis.Redis:
    """Return a blocking client, for the broker's threads and the command line. `process`: see `client_names.py`."""
    retry: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
    options = {**_OPTIONS, **retry, **client_name(process)}
    if not url.startswith("sentinel://"):
        return redis.Redis.from_url(url, **options)
    nodes, primary = sentinel_parts(url)
    sentinel: Any = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # redis-py's Sentinel has no types
        nodes, sentinel_kwargs={**_TIMEOUTS, **retry}, **options, **_credentials(url)
    )
    client: redis.Redis = sentinel.master_for(primary)
    return client


def connect_async(url: str, *, process: str | None = None) -> redis.asyncio.Redis:
    """Return a client for one event loop. `process`: see `client_names.py`."""
    retry: dict[str, Any] = {"retry": AsyncRetry(NoBackoff(), 0)}
    options = {**_OPTIONS, **retry, **client_name(process)}
    if not url.startswith("sentinel://"):
        return _pack_with_hiredis(redis.asyncio.Redis.from_url(url, **options))
    nodes, primary = sentinel_parts(url)
    sentinel: Any = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]  # as above
        nodes, sentinel_kwargs={**_TIMEOUTS, **retry}, **options, **_credentials(url)
    )
    client: redis.asyncio.Redis = sentinel.master_for(primary, connection_pool_class=_SentinelPool)
    return client


class _SentinelPool(redis.asyncio.sentinel.SentinelConnectionPool):
    """A pool that also closes its connections to the sentinels, which redis-py would leave open."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


class HiredisPacking:
    """
    A mix-in for a connection class of redis.asyncio: packs commands into the same bytes, but in C.

    redis-py 8.1 packs in C for its blocking client only. Its asynchronous client encodes argument by argument in
    Python, which was a fifth of a gateway's work for a signup (`make bench`).
    """

    def pack_command(self, *args: Any) -> list[bytes]:
        if isinstance(args[0], str) and " " not in args[0]:
            try:
                return [hiredis.pack_command(args)]
            except TypeError:
                pass  # Rarer types, and types that redis-py refuses with its own error message.
        packed: list[bytes] = super().pack_command(*args)  # type: ignore[misc]  # of the connection's class
        return packed


def _pack_with_hiredis(client: redis.asyncio.Redis) -> redis.asyncio.Redis:
    """Make the connections that this client opens from now on pack in C. Return the same client."""
    pool = client.connection_pool
    kind = pool.connection_class
    pool.connection_class = type(f"Hiredis{kind.__name__}", (HiredisPacking, kind), {})
    return client


def _credentials(url: str) -> dict[str, str]:
    """Return user and password of the data nodes. The sentinels are queried without them."""
    userinfo, at, _ = url.removeprefix("sentinel://").rpartition("@")
    if not at:
        return {}
    user, _, password = userinfo.partition(":")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}


def redacted_url(url: str) -> str:
    """Return the address without user, password and options, for messages."""
    return re.sub(r"//[^/@]*@", "//", url).partition("?")[0]


def wait_for_store(url: str, say: Callable[[str], None], *, every_s: float = 3) -> None:
    """
    Wait until the store answers, however long it takes. Report the wait every `every_s` seconds through `say`.

    Raises StoreError when waiting does not help.
    """
    began = said = time.monotonic()
    with connect(url) as client:
        while (reason := _unavailable_reason(client)) is not None:
            now = time.monotonic()
            if now - said >= every_s or said == began:
                say(f"waiting for the data store at {redacted_url(url)} … {now - began:.0f} s ({reason})")
                said = now
            time.sleep(0.2)


def _unavailable_reason(client: redis.Redis) -> str | None:
    try:
        found = find_refusal_blocking(client)
    except redis.BusyLoadingError:
        return "it is loading its data"
    except (redis.ConnectionError, redis.TimeoutError) as error:
        return str(error).rstrip(".")
    except redis.ResponseError as error:
        if is_transient(error):
            return str(error).rstrip(".")
        raise StoreError(f"REDIS_URL: the store refuses us ({error})") from None
    if found is not None and found.is_final:
        raise StoreError(found.line)
    return f"it {found.reason}; {found.cure}" if found else None
