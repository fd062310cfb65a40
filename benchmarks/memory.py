"""
Measures the memory of all processes of `advent up` as PSS (proportional set size): the sum counts shared pages once.

Works only on Linux: it reads `/proc/<pid>/smaps_rollup` of the supervisor, its children and the embedded store.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.figures import Figure, Goal
from tests.acceptance.place import FAST, SECRETS, UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

GOAL = Goal(200)


def measure(*, signups: int) -> list[Figure]:
    """Measure the idle processes, and again after all e-mails to this number of people. Without `/proc`: no figures."""
    if not Path("/proc/self/smaps_rollup").exists():
        return []
    place = Place(**FAST, **SECRETS, **UNLIMITED)
    try:
        up = place.up()
        place.sandbox.lift_rate_limits()
        at_rest = pss_by_process(up.pid)
        people = [(person(f"P{number}"), f"msg_{number}") for number in range(signups)]
        place.website.post_all(people, at_once=8, patience_s=0)
        eventually(lambda: place.ask("status")["completed"] == signups, "everybody's last mail", within_s=600)
        after = pss_by_process(up.pid)
    finally:
        place.close()
    return [
        Figure("memory of all processes, idle (PSS)", sum(at_rest.values()), "MB", GOAL, _parts(at_rest)),
        Figure(f"the same after {7 * signups:,} e-mails (PSS)", sum(after.values()), "MB", GOAL, _parts(after)),
    ]


def pss_by_process(parent: int) -> dict[str, int]:
    """Return name → MB of a process and all its descendants."""
    return {_name(pid): _pss_mb(pid) for pid in [parent, *descendants(parent)]}


def descendants(parent: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (owner := _parent(int(entry.name))) is not None:
            children.setdefault(owner, []).append(int(entry.name))
    found, waiting = [], [parent]
    while waiting:
        waiting += children.get(pid := waiting.pop(), [])
        found += [pid] if pid != parent else []
    return found


def _parent(pid: int) -> int | None:
    try:
        # The name may contain anything; the last parenthesis ends it. State and parent follow.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None  # The process has ended meanwhile.


def _pss_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024)


def _name(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    return command.removeprefix("advent: ") if command.startswith("advent: ") else os.path.basename(command.split()[0])


def _parts(parts: dict[str, int]) -> str:
    return ", ".join(f"{name} {megabytes}" for name, megabytes in parts.items())
