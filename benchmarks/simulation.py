"""
Measures the cost of `advent simulate`, including the store that it starts and stops.

Processor time is that of all processes and their stores. Other load on the machine changes it less than elapsed time.
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
    about = f"{used_s:.1f} s of processor time; load {os.getloadavg()[0]:.0f}"
    # Small sizes cost more per person, because the first mail of each kind is rendered without a cached skeleton.
    goal = Goal(20) if people == 1_000 else None
    return [
        Figure(f"a simulation of {people:,} people", round(elapsed_s, 1), "s", goal, about),
        Figure("people simulated", round(people / used_s, 1), "/s of processor time"),
    ]


def _processor_s() -> float:
    """Return the processor time of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)
