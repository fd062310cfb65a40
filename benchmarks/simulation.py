"""
What `advent simulate` costs: the whole of it, with the store that it starts and stops.

Processor time counts what this process and its store used, so that a busy machine does not lengthen it much.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time

import structlog
import uvloop

from benchmarks.figures import Figure, Goal
from common.campaigns.loader import load_campaign
from common.settings.settings import Settings
from services.simulation.report import Report
from services.simulation.scenarios import Scenario, simulate

SETTINGS = Settings(secret_key="of a benchmark that nobody keeps", sandboxed=frozenset({"resend", "notion"}))


def measure(*, people: int) -> list[Figure]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    started_s, own_s, store_s = time.perf_counter(), *_processor_s()
    report = _simulate(people)
    elapsed_s = time.perf_counter() - started_s
    own_s, store_s = (after - before for after, before in zip(_processor_s(), (own_s, store_s), strict=True))
    assert report.sent == 7 * people, report
    about = f"processor: {own_s:.1f} s, and {store_s:.1f} s of the store"
    # Small sizes cost more for each person, because the first mails of each kind are rendered from the beginning.
    goal = Goal(20) if people == 1_000 else None
    return [
        Figure(f"a simulation of {people:,} people", round(elapsed_s, 1), "s", goal, about),
        Figure("people simulated", round(people / (own_s + store_s), 1), "/s of processor"),
    ]


def _simulate(people: int) -> Report:
    campaign = load_campaign("christmas_2025")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(simulate(campaign, SETTINGS, Scenario(people=people, seed=1)))


def _processor_s() -> tuple[float, float]:
    """Of this process, and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime
