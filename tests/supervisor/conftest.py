import os
import signal
import subprocess
import sys
import time

import pytest

from tests.acceptance.place import free_ports


class Up:
    """A running `advent up` with stand-ins, in a folder of its own."""

    def __init__(self, data_dir, cwd):
        self.data_dir, self.cwd = data_dir, cwd
        ports = ("GATEWAY_PORT", "SANDBOX_PORT", "WORKER_METRICS_PORT", "CONSOLE_PORT")
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.getcwd(),
            "DATA_DIR": str(data_dir),
            **{name: str(port) for name, port in zip(ports, free_ports(4), strict=True)},
        }
        self.process = None

    def start(self, **environ):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.supervisor.stand_ins"],
            env={**self.environ, **environ},
            cwd=self.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def pid_of(self, name):
        return int((self.data_dir / "run" / f"{name}.pid").read_text())

    def has_another(self, name, pid):
        """Return whether this child runs under another pid. While it is started again, it has no pid file."""
        try:
            return self.pid_of(name) != pid
        except FileNotFoundError:
            return False

    def says(self, words):
        """Read stdout until a line contains this text."""
        for line in self.process.stdout:
            if words in line:
                return line
        pytest.fail(f"never said {words!r}; stderr: {self.process.stderr.read()}")

    def started(self, **environ):
        self.start(**environ).says("Ctrl-C stops everything")
        return self

    def ends(self, number=None):
        """Send this signal, if any, and wait for the end. Return (exit status, stdout, stderr)."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def up(tmp_path):
    up = Up(tmp_path / "data", tmp_path)
    yield up
    if up.process is not None and up.process.poll() is None:
        try:
            up.ends(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            for file in (up.data_dir / "run").glob("*.pid"):
                os.kill(int(file.read_text()), signal.SIGKILL)
            up.ends(signal.SIGKILL)
    if up.process is not None:
        up.process.stdout.close()
        up.process.stderr.close()


def eventually(question, *, within_s=60):
    """Return the first true answer of `question`. Fail after `within_s`, which only a fault can need."""
    deadline = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.01)
    return answer
