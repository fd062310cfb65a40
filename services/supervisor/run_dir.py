"""DATA_DIR/run: which processes run here, where they answer, and what an earlier run may have left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.path_errors import path_error_text
from common.processes import Lock, LockHeld, command_of, is_alive, wait_until_ended
from common.settings.settings import Settings
from common.store.errors import StoreError

KILLED_S = 5
"""How long the kernel may take to remove a killed process."""

TITLE = "advent: "
"""How the title of each process begins in `ps`; it tells whether a recorded pid was reused by another program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """
    What `advent up` records about itself for the other commands; none of it is secret.

    `store_url`: None if REDIS_URL is set. `sandbox_url`: None if Resend and Notion are real. `real`: which of `resend`
    and `notion` are real. `settings`: those of `inherited_settings.SHARED`, by name.
    """

    pid: int
    gateway_url: str
    sandbox_url: str | None
    console_url: str | None = None
    worker_url: str | None = None
    store_url: str | None
    real: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


class RunDirectory:
    """The folder, locked by one `advent up` at a time."""

    def __init__(self, data_dir: Path) -> None:
        """Raises StoreError when it cannot be used, or another `advent up` has locked it."""
        self.folder = data_dir.resolve() / "run"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.lock = Lock(self.folder / "up.lock")
        except LockHeld as held:
            who = f" (process {held.pid})" if held.pid else ""
            raise StoreError(
                f"another `advent up`{who} runs in {data_dir.resolve()}; stop it, or set DATA_DIR to another folder"
            ) from None
        except OSError as error:
            raise StoreError(path_error_text(data_dir, error)) from None

    def pid_file(self, name: str) -> Path:
        return self.folder / f"{name}.pid"

    def write_pid(self, name: str, pid: int) -> None:
        """Record a child, in case this parent is killed. Errors are ignored: a full disk must not stop the children."""
        with contextlib.suppress(OSError):
            _replace(self.pid_file(name), f"{pid}\n")

    def forget_pid(self, name: str) -> None:
        self.pid_file(name).unlink(missing_ok=True)

    def announce(self, running: RunInfo) -> None:
        """Write what other commands read. Raises StoreError if it cannot be written: they would not find this run."""
        try:
            _replace(self.folder / "up.json", json.dumps(asdict(running)))
        except OSError as error:
            raise StoreError(path_error_text(self.folder, error)) from None

    def release(self) -> None:
        """Remove what describes this run, and the lock."""
        for name in ("up.json", "up.pid"):
            (self.folder / name).unlink(missing_ok=True)
        self.lock.close()

    def end_leftovers(self, say: Callable[[str], None], *, wait_s: float = 6) -> None:
        """End the children of a parent that was killed, if the kernel did not end them or they still drain."""
        recorded = [(name, pid, command_of(pid)) for name, pid in self._pids()]
        # A process without a command line is dying but has its port; one titled `up` was forked and is not yet named.
        left = [
            pid for name, pid, command in recorded if command.startswith((TITLE + name, TITLE + "up")) or not command
        ]
        for name, pid, command in recorded:
            if command and pid in left:
                say(f"ending the {name} of an earlier run (process {pid})")
                _signal(pid, signal.SIGTERM)
        wait_until_ended(left, wait_s)
        for pid in filter(is_alive, left):
            _signal(pid, signal.SIGKILL)
        # Their ports are free only once they have ended.
        wait_until_ended(left, KILLED_S)

    def _pids(self) -> list[tuple[str, int]]:
        found = []
        for file in self.folder.glob("*.pid"):
            with contextlib.suppress(OSError, ValueError):
                found.append((file.stem, int(file.read_text())))
        return [(name, pid) for name, pid in found if name not in ("up", "store") and pid != os.getpid()]


def running_in(settings: Settings) -> RunInfo | None:
    """Return the `advent up` that runs in DATA_DIR, or None."""
    try:
        running = RunInfo(**json.loads((settings.data_dir / "run" / "up.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if command_of(running.pid).startswith(TITLE + "up") else None


def with_store_url(settings: Settings) -> Settings:
    """
    Return the settings with a data store: REDIS_URL, or the embedded store of a running `advent up` in DATA_DIR.

    Raises StoreError when there is neither.
    """
    if settings.redis_url is not None:
        return settings
    running = running_in(settings)
    if running is None or running.store_url is None:
        raise StoreError(f"REDIS_URL: unset, and {_not_running(settings.data_dir.resolve())}")
    return settings.model_copy(update={"redis_url": running.store_url})


def _not_running(folder: Path) -> str:
    try:
        (folder / "run" / "up.json").stat()
    except PermissionError as error:
        return f"{folder} cannot be read ({error.strerror}); run this as the user of `advent up`, or set REDIS_URL"
    except OSError:
        pass
    return f"no `advent up` with an embedded store runs in {folder}; set REDIS_URL, or start `advent up` first"


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
