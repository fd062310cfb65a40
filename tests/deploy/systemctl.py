"""
A stand-in for `systemctl` on machines without systemd: it starts and stops services as the rendered units say.

It applies their commands, users, umask, settings and secrets (files in a folder that only the process's user can read,
`%d`), forbids new privileges, drops capabilities, and refuses memory that is both writable and executable. It does not
simulate the rest of the hardening, nor `Restart=`. UNITS is the folder of the units; STATE stores what is running.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

UNITS, STATE, ROOT = (Path(os.environ[name]) for name in ("UNITS", "STATE", "ROOT"))
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_MDWE, _PR_SET_NO_NEW_PRIVS = 65, 38


def settings_of(unit: str) -> dict[str, list[str]]:
    """Return the values of a unit and its drop-ins by setting name, in the order of the lines."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in [UNITS / unit, *sorted((UNITS / f"{unit}.d").glob("*.conf"))]:
        for line in file.read_text().splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found[name].append(value)
    return found


def start(unit: str) -> None:
    if not unit.endswith(".service") or is_running(unit):
        return
    said = settings_of(unit)
    user, group = ids(said)
    make_runtime_folder(said, user, group)
    process = subprocess.Popen(
        said["ExecStart"][-1].split(),
        cwd=said.get("WorkingDirectory", ["/"])[-1],
        env=environment(unit, said, user),
        stdin=subprocess.DEVNULL,
        stdout=(log := (STATE / f"{unit}.log").open("ab")),
        stderr=log,
        start_new_session=True,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        umask=int(said.get("UMask", ["0022"])[-1], 8),
        preexec_fn=confined if user is not None else None,
    )
    (STATE / f"{unit}.pid").write_text(str(process.pid))
    if said.get("Type") == ["oneshot"]:
        sys.exit(process.wait())


def make_runtime_folder(said: dict[str, list[str]], user: int | None, group: int | None) -> None:
    for name in said.get("RuntimeDirectory", []):
        folder = ROOT / "run" / name
        folder.mkdir(exist_ok=True)
        folder.chmod(int(said["RuntimeDirectoryMode"][-1], 8))
        if user is not None and group is not None:
            os.chown(folder, user, group)


def confined() -> None:
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _LIBC.prctl(_PR_SET_MDWE, 1, 0, 0, 0)


def ids(said: dict[str, list[str]]) -> tuple[int | None, int | None]:
    if os.getuid() != 0 or "User" not in said:
        return None, None
    return number("passwd", said["User"][-1]), number("group", said["Group"][-1])


def number(file: str, name: str) -> int:
    rows = [line.split(":") for line in (ROOT / "etc" / file).read_text().splitlines()]
    return next(int(row[2]) for row in rows if row[0] == name)


def environment(unit: str, said: dict[str, list[str]], user: int | None) -> dict[str, str]:
    handed = STATE / f"{unit}.credentials"
    # `is_running` recognizes our own processes by the last variable.
    found = {"PATH": "/usr/bin:/bin", "STARTED_BELOW": str(ROOT)}
    for line in said.get("Environment", []):
        name, _, value = line.partition("=")
        found[name] = value.replace("%d", str(handed))
    for file in said.get("EnvironmentFile", []):
        with contextlib.suppress(FileNotFoundError):
            lines = Path(file.removeprefix("-")).read_text().splitlines()
            found |= dict(line.split("=", 1) for line in lines if line[:1].isupper())
    for line in said.get("UnsetEnvironment", []):
        for name in line.split():
            found.pop(name, None)
    shutil.rmtree(handed, ignore_errors=True)
    handed.mkdir(mode=0o700)
    for line in said.get("LoadCredential", []):
        name, _, source = line.partition(":")
        shutil.copy(source, handed / name)
    if user is not None:
        for path in [handed, *handed.iterdir()]:
            os.chown(path, user, -1)
    return found


def stop(unit: str) -> None:
    pid = pid_of(unit)
    if pid is None or not is_running(unit):
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + int(settings_of(unit)["TimeoutStopSec"][-1])
    while is_running(unit):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def kill(unit: str) -> None:
    if is_running(unit) and (pid := pid_of(unit)):
        os.kill(pid, signal.SIGKILL)


def restart(unit: str) -> None:
    if unit.endswith(".service"):
        stop(unit)
        start(unit)


def pid_of(unit: str) -> int | None:
    file = STATE / f"{unit}.pid"
    return int(file.read_text()) if file.exists() else None


def is_running(unit: str) -> bool:
    """Return whether the process that we started is running; a zombie is not."""
    try:
        state = Path(f"/proc/{pid_of(unit)}/stat").read_text().rpartition(")")[2].split()[0]
        # A process that sets its title overwrites one of these two files.
        known = [Path(f"/proc/{pid_of(unit)}/{file}").read_text(errors="replace") for file in ("cmdline", "environ")]
        return state != "Z" and str(ROOT) in "".join(known)
    except OSError:
        return False


def main() -> None:
    verb, *units = [word for word in sys.argv[1:] if not word.startswith("-")]
    STATE.mkdir(exist_ok=True)
    with (STATE / "asked").open("a") as asked:
        asked.write(" ".join([verb, *units]) + "\n")
    does = {"start": start, "stop": stop, "restart": restart, "kill": kill}.get(verb)
    for unit in units if does else ():
        does(unit)


if __name__ == "__main__":
    main()
