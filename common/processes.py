"""Processes: file locks, children that end with their parent, and checks whether another process still runs."""

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
"""M_ARENA_MAX; M_MMAP_THRESHOLD and M_TRIM_THRESHOLD in bytes: once set, glibc no longer adjusts these two."""
# Loaded here, not in the child: between fork and exec almost nothing is safe to call, dlopen least of all.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def user_name(otherwise: str) -> str:
    """Return the name of this process's user, or `otherwise`: a container may have no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return otherwise


def die_with_parent() -> None:
    """
    Make Linux send this process SIGTERM when its parent ends, however it ends.

    A parent killed with kill -9 cannot stop its children, but the kernel can (PR_SET_PDEATHSIG, see prctl(2)). On other
    systems this does nothing, and the next start ends the processes that the last run left behind.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def limit_malloc() -> None:
    """
    Let glibc return memory to the system sooner, in this process and in those that it forks; see mallopt(3).

    By default each thread has its own arena, up to eight for each processor, and the thresholds for mapping a block
    separately and for trimming grow with the largest block that was ever freed. Other C libraries lack these options.
    """
    if _LIBC is not None and hasattr(_LIBC, "mallopt"):
        for option, value in _MALLOC.items():
            _LIBC.mallopt(option, value)


class LockHeld(Exception):
    """Another process holds the lock. `pid`: its process id, 0 if it has not written one."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by process {pid}" if pid else "held by another process")
        self.pid = pid


class Lock:
    """A file lock, held by one process at a time. The kernel releases it when that process ends, also by kill -9."""

    def __init__(self, path: Path) -> None:
        """Acquire the lock without waiting. Raises LockHeld, or OSError when the file cannot be created."""
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 20).decode(errors="replace").strip()
            self.close()
            raise LockHeld(int(holder) if holder.isdigit() else 0) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Close the file. A forked child must do this first, or it still holds the lock after its parent has ended."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_alive(pid: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    return command_of(pid) != ""


def has_ended(pid: int) -> bool:
    """
    Return whether the process has released everything, its ports included.

    `is_alive` is not enough: a process that is ending loses its command line earlier, and its first thread may be a
    zombie while another thread still holds what they share (proc(5): state and number of threads).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    except (OSError, IndexError):
        return not is_alive(pid)


def wait_until_ended(pids: Iterable[int], seconds: float) -> bool:
    """Wait for the end of processes that are not our children. Return False if some still run after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (ended := all(map(has_ended, pids))) and time.monotonic() < deadline:
        time.sleep(0.01)
    return ended


def command_of(pid: int) -> str:
    """Return the command line of a process, as `ps` shows it; "" when there is no such process, or it has ended."""
    proc = Path(f"/proc/{pid}/cmdline")
    try:
        if proc.parent.parent.joinpath("self").exists():
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip()
