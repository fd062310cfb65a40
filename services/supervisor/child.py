"""One child: forked from the preloaded parent, so that all share one copy of the code."""

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
from services.supervisor.house import TITLE, House

BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S = 30.0
"""Who lived this long starts again at once when it ends; before, it waits longer each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSpec:
    """`run` is called in the child and answers its exit status; `ready_url` answers once it works, if it can say."""

    name: str
    run: Callable[[Settings], int]
    url: str | None
    ready_url: str | None


class Child:
    """Its life: `start`, perhaps `collect` and `start` again, `end`."""

    def __init__(self, role: ActorSpec, settings: Settings, house: House, *, in_child: Callable[[], None]) -> None:
        """`in_child` runs first in the child: it lets go of what only the parent may hold."""
        self.role = role
        self.settings = settings
        self.house = house
        self.pid: int | None = None
        self.was_ready = False
        self.start_at: float | None = None
        self.failures = 0
        self._in_child = in_child
        self._born = 0.0

    def start(self) -> None:
        # What is buffered would be written by both.
        sys.stdout.flush()
        sys.stderr.flush()
        self.start_at = None
        self._born = time.monotonic()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._live(parent)
        self.pid = pid
        self.house.write_pid(self.role.name, pid)

    def collect(self) -> str | None:
        """How it ended, in words, if it has: then `start_at` says when to start it again (monotonic seconds)."""
        if self.pid is None:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return None
        self.pid = None
        self.house.forget_pid(self.role.name)
        now = time.monotonic()
        self.failures = 1 if now - self._born > STEADY_S else self.failures + 1
        self.start_at = now + backoff_s(self.failures)
        return _ending(os.waitstatus_to_exitcode(status))

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _live(self, parent: int) -> None:
        """The child's whole life; never returns, so that nothing of the parent's story runs twice."""
        code = 1
        try:
            self._in_child()
            # Out of the terminal's group: Ctrl-C is the parent's, who stops us in order.
            os.setpgid(0, 0)
            die_with_parent()
            if os.getppid() != parent:
                os._exit(0)  # It ended before we asked.
            setproctitle.setproctitle(TITLE + self.role.name)
            gc.enable()
            setup_logs(self.role.name, self.settings)
            code = self.role.run(self.settings)
        except SystemExit as exit:
            code = exit.code if isinstance(exit.code, int) else 1
        except (SettingsError, StoreError) as error:
            # As each command says it by itself: somebody outside the code can cure it.
            sys.stderr.write("".join(f"advent: {line}\n" for line in str(error).splitlines()))
        except BaseException:  # noqa: BLE001 -- the last frame of a process: say it, and end with a status
            get_logger(__name__).critical("crashed", exc_info=True)
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):  # Its reader may be gone.
                    stream.flush()
            os._exit(code)


def backoff_s(failures: int) -> float:
    """How long to wait after so many ends in a row, 1 or more."""
    return BACKOFF_S[min(failures, len(BACKOFF_S)) - 1]


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
