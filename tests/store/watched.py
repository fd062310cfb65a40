"""A primary, a replica and three sentinels as real processes on their own ports, for the time of a test."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from common.store.clients import connect
from common.store.embedded import server_binary
from tests.acceptance.place import free_ports

_MEMORY = Path("/dev/shm")
NAME = "main"

_DATA = """\
port {port}
bind 127.0.0.1
dir {folder}
logfile {folder}/store.log
appendonly yes
appendfsync {fsync}
save ""
repl-diskless-sync-delay 0
"""

_SENTINEL = """\
port {port}
bind 127.0.0.1
dir {folder}
logfile {folder}/sentinel.log
sentinel monitor {name} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {name} {down_after_ms}
sentinel failover-timeout {name} 3000
sentinel parallel-syncs {name} 1
"""


class Watched:
    """
    A primary with a replica, watched by three sentinels, which know the port of the current primary.

    `url`: the address through the sentinels. `extra`: lines for both data nodes, such as `min-replicas-to-write 1`.
    """

    def __init__(self, *extra: str, fsync: str = "always", down_after_ms: int = 500) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="advent-watched-", dir=_MEMORY if _MEMORY.is_dir() else None))
        self.data_ports, self.sentinel_ports = (ports := free_ports(5))[:2], ports[2:]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        for port in self.data_ports:
            lines = [*extra, *([f"replicaof 127.0.0.1 {self.data_ports[0]}"] if port != self.data_ports[0] else [])]
            self._start(port, _DATA.format(port=port, folder=self._folder(port), fsync=fsync) + "\n".join(lines) + "\n")
        self._until(lambda: self._ask(self.data_ports[1]).info("replication")["master_link_status"] == "up")
        for port in self.sentinel_ports:
            text = _SENTINEL.format(
                port=port,
                folder=self._folder(port),
                name=NAME,
                primary=self.data_ports[0],
                down_after_ms=down_after_ms,
            )
            self._start(port, text, "--sentinel")
        self._until(lambda: all(self._knows_all(port) for port in self.sentinel_ports))

    @property
    def url(self) -> str:
        return f"sentinel://{','.join(f'127.0.0.1:{port}' for port in self.sentinel_ports)}/{NAME}"

    def primary_port(self) -> int:
        with self._ask(self.sentinel_ports[0]) as sentinel:
            return int(sentinel.execute_command("SENTINEL", "get-master-addr-by-name", NAME)[1])

    def replica_port(self) -> int:
        return next(port for port in self.data_ports if port != self.primary_port())

    def ask(self, port: int) -> redis.Redis:
        return self._ask(port)

    def signal(self, port: int, number: int) -> None:
        self.processes[port].send_signal(number)

    def kill_primary(self) -> float:
        """Kill the primary with -9. Return the seconds until another one accepts writes."""
        port = self.primary_port()
        self.processes[port].kill()
        self.processes[port].wait()
        return self.failed_over_from(port)

    def failed_over_from(self, port: int) -> float:
        """Wait until another primary than this one accepts writes. Return the seconds."""
        began = time.monotonic()
        self._until(lambda: self.primary_port() != port)
        self._until(self._takes_writes)
        return time.monotonic() - began

    def close(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _folder(self, port: int) -> Path:
        folder = self.folder / str(port)
        folder.mkdir(exist_ok=True)
        return folder

    def _start(self, port: int, config: str, *arguments: str) -> None:
        file = self._folder(port) / "store.conf"
        file.write_text(config)
        self.processes[port] = subprocess.Popen([server_binary(), str(file), *arguments])
        self._until(lambda: self._ask(port).ping())

    def _ask(self, port: int) -> redis.Redis:
        return connect(f"redis://127.0.0.1:{port}")

    def _takes_writes(self) -> bool:
        with self._ask(self.primary_port()) as client:
            return bool(client.info("replication")["role"] == "master")

    def _knows_all(self, port: int) -> bool:
        with self._ask(port) as client:
            state = client.execute_command("SENTINEL", "master", NAME)
            known = dict(zip(state[::2], state[1::2], strict=True)) if isinstance(state, list) else state
            numbers = {_text(name): _text(value) for name, value in known.items()}
            return (numbers["num-slaves"], numbers["num-other-sentinels"]) == ("1", "2")

    def _until(self, is_so: object, *, within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while True:
            with contextlib.suppress(redis.RedisError, OSError, KeyError):
                if is_so():  # type: ignore[operator]
                    return
            assert time.monotonic() < deadline, "the watched store did not come to this"
            time.sleep(0.02)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextlib.contextmanager
def watched(*extra: str, fsync: str = "always", down_after_ms: int = 500) -> Iterator[Watched]:
    store = Watched(*extra, fsync=fsync, down_after_ms=down_after_ms)
    try:
        yield store
    finally:
        store.close()
