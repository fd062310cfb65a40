"""
What `advent simulate` costs: the whole of it, with the store that it starts and stops.

Processor time is that of all processes and their stores; a busy machine changes it less than the elapsed time.
"""

from __future__ import annotations

import os
import resource
import time

from benchmarks.figures import Figure, Goal
from common.settings.settings import Settings
from services.simulation.processes import simulate_in_processes
from services.simulation.scenarios import Scenario

SETTINGS = Settings(secret_key="of a benchmark that nobody keeps", sandboxed=frozenset({"resend", "notion"}))


def measure(*, people: int) -> list[Figure]:
    started_s, before_s = time.perf_counter(), _processor_s()
    report = simulate_in_processes(SETTINGS, Scenario(people=people, seed=1), progress=lambda _mails: None)
    elapsed_s, used_s = time.perf_counter() - started_s, _processor_s() - before_s
    assert report.sent == 7 * people, report
    about = f"{used_s:.1f} s of processor; load {os.getloadavg()[0]:.0f}"
    # Small sizes cost more for each person, because the first mails of each kind are rendered from the beginning.
    goal = Goal(20) if people == 1_000 else None
    return [
        Figure(f"a simulation of {people:,} people", round(elapsed_s, 1), "s", goal, about),
        Figure("people simulated", round(people / used_s, 1), "/s of processor"),
    ]


def _processor_s() -> float:
    """Of this process, and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)
