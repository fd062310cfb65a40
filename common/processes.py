"""Processes: locks on files, children that end with their parent, and whether another process still runs."""

from __future__ import annotations

import ctypes
import fcntl
import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_MALLOC = {-8: 2, -3: 65_536, -1: 65_536}
"""M_ARENA_MAX; M_MMAP_THRESHOLD and M_TRIM_THRESHOLD in bytes, which setting them fixes."""
# Loaded here, not in the child: between fork and exec almost nothing is safe to call, dlopen least of all.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def user_name(otherwise: str) -> str:
    """Who runs this process; a container may have no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return otherwise


def die_with_parent() -> None:
    """
    Ask Linux to send this process SIGTERM when its parent ends, however it ends.

    A parent killed with kill -9 cannot stop its children; the kernel can (PR_SET_PDEATHSIG, see prctl(2)). On other
    systems this does nothing, and the next start ends the processes that the last one left.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def limit_malloc() -> None:
    """
    Let glibc give memory back sooner, in this process and in those that it forks; see mallopt(3).

    By default each thread has an arena of its own, up to eight a processor, and the limits for what is mapped and
    unmapped by itself grow with the largest block that was ever freed. Other C libraries have no such settings.
    """
    if _LIBC is not None and hasattr(_LIBC, "mallopt"):
        for option, value in _MALLOC.items():
            _LIBC.mallopt(option, value)


class Held(Exception):
    """Another process holds the lock; `pid`: its id, 0 if it has not written one."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by process {pid}" if pid else "held by another process")
        self.pid = pid


class Lock:
    """A file lock of one process at a time; the kernel releases it when that process ends, also by kill -9."""

    def __init__(self, path: Path) -> None:
        """Acquire it without waiting. Raises Held, or OSError when the file cannot be created."""
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 20).decode(errors="replace").strip()
            self.forget()
            raise Held(int(holder) if holder.isdigit() else 0) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def forget(self) -> None:
        """Close our end. A forked child does so first; otherwise it would hold the lock after its parent's end."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    return command_of(pid) != ""


def has_ended(pid: int) -> bool:
    """
    Whether it has released everything, also its ports.

    A process that is ending has no command line before that; and its first thread may be a zombie while another one
    still holds what they share (proc(5): state and number of threads).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    except (OSError, IndexError):
        return not is_alive(pid)


def wait_until_ended(pids: Iterable[int], seconds: float) -> bool:
    """Wait for processes that are not our children. False when some still run after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (ended := all(map(has_ended, pids))) and time.monotonic() < deadline:
        time.sleep(0.01)
    return ended


def command_of(pid: int) -> str:
    """The command line of a process, as `ps` shows it; empty when there is none, or when it has ended."""
    proc = Path(f"/proc/{pid}/cmdline")
    try:
        if proc.parent.parent.joinpath("self").exists():
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip()
