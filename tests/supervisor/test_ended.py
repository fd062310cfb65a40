"""A process counts as ended only when it has released everything, including its ports."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from common.processes import command_of, has_ended, is_alive, wait_until_ended

FIRST_THREAD_ENDS = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
print("up", flush=True)
exit_this_thread = {"x86_64": 60, "aarch64": 93}[platform.machine()]
ctypes.CDLL(None).syscall(exit_this_thread, 0)
"""


@pytest.fixture
def headless() -> Iterator[subprocess.Popen[bytes]]:
    """A dying process: its first thread has ended, another still holds its files."""
    process = subprocess.Popen([sys.executable, "-c", FIRST_THREAD_ENDS], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux tells it in /proc")
def test_process_counts_as_alive_until_its_last_thread_ends(
    headless: subprocess.Popen[bytes],
) -> None:
    deadline = time.monotonic() + 60
    while command_of(headless.pid) and time.monotonic() < deadline:
        time.sleep(0.005)

    assert not is_alive(headless.pid)
    assert not wait_until_ended([headless.pid], 0)
    headless.kill()
    assert wait_until_ended([headless.pid], 20)


def test_an_unknown_pid_counts_as_ended() -> None:
    assert has_ended(2**22 + 1)
