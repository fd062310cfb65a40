"""One child process, forked from the preloaded parent so that all share one copy of the code."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import setproctitle

from common.observability.logs import get_logger, setup_logs
from common.processes import die_with_parent
from common.settings.settings import Settings, SettingsError
from common.store.errors import StoreError
from services.supervisor.run_dir import TITLE, RunDirectory

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S = 30.0
"""A child that ran this long is started again at once when it ends; otherwise the wait grows each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """
    One kind of child. `run` is called in the child and returns its exit status.

    `ready_url`: answers once the child works; None: nothing tells when.
    """

    name: str
    run: Callable[[Settings], int]
    url: str | None
    ready_url: str | None


class Child:
    """A child: `start` it; when `collect` says it has ended, `start` it again at `start_at`; `send_signal` ends it."""

    def __init__(
        self, spec: ProcessSpec, settings: Settings, run_dir: RunDirectory, *, in_child: Callable[[], None]
    ) -> None:
        """`in_child`: called first in the child, to release what only the parent may hold."""
        self.spec = spec
        self.settings = settings
        self.run_dir = run_dir
        self.pid: int | None = None
        self.was_ready = False
        self.start_at: float | None = None
        self.failures = 0
        self._in_child = in_child
        self._started_s = 0.0

    def start(self) -> None:
        # Otherwise both processes would write the buffered output.
        sys.stdout.flush()
        sys.stderr.flush()
        self.start_at = None
        self._started_s = time.monotonic()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._run_child(parent)
        self.pid = pid
        self.run_dir.write_pid(self.spec.name, pid)

    def collect(self) -> str | None:
        """Return in words how it ended, None while it runs. Sets `start_at`, its next start (monotonic seconds)."""
        if self.pid is None:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        self.pid = None
        self.run_dir.forget_pid(self.spec.name)
        now = time.monotonic()
        self.failures = 1 if now - self._started_s > STEADY_S else self.failures + 1
        self.start_at = now + backoff_s(self.failures)
        return _ending(os.waitstatus_to_exitcode(status))

    def send_signal(self, number: int) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _run_child(self, parent: int) -> None:
        """Run the child. It never returns, so that no code of the parent runs twice."""
        code = 1
        try:
            self._in_child()
            # Leave the terminal's process group: Ctrl-C goes to the parent, which stops the children in order.
            os.setpgid(0, 0)
            die_with_parent()
            if os.getppid() != parent:
                os._exit(0)  # The parent ended before die_with_parent took effect.
            setproctitle.setproctitle(TITLE + self.spec.name)
            gc.enable()
            setup_logs(self.spec.name, self.settings)
            code = self.spec.run(self.settings)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except (SettingsError, StoreError) as error:
            # Print it as a command prints it: one line for each problem, without a traceback.
            sys.stderr.write("".join(f"advent: {line}\n" for line in str(error).splitlines()))
        except BaseException:  # noqa: BLE001 -- the last frame of a process: log it, and exit with a status
            get_logger(__name__).critical("crashed", exc_info=True)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):  # The reader may have closed it.
                    stream.flush()
            os._exit(code)


def backoff_s(failures: int) -> float:
    """Return how long to wait before the next start, after `failures` (1 or more) in a row."""
    return BACKOFF_S[min(failures, len(BACKOFF_S)) - 1]


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
