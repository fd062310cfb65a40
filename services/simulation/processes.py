"""A simulation of many people, divided among processes that share nothing: each has a store of its own."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from typing import Any

import structlog
import uvloop

from common.campaigns.campaigns import load_campaigns
from common.settings.settings import Settings
from services.simulation.report import Report, combine
from services.simulation.scenarios import Progress, Scenario, simulate

PEOPLE_MIN = 250
"""A process that starts for fewer people costs more time than it saves."""
REFRESH_S = 0.1


def simulate_in_processes(
    settings: Settings, scenario: Scenario, *, progress: Progress, processes: int | None = None
) -> Report:
    """
    Play a scenario in this many processes, or in as many as are worth it on this machine; the report is the same.

    `progress` is called in this process, with the mails of all processes.
    """
    count = processes or max(1, min(os.cpu_count() or 1, scenario.people // PEOPLE_MIN))
    if count == 1:
        return _simulate(settings, scenario, progress)
    context = multiprocessing.get_context("spawn")
    accepted = context.Array("l", count)
    with ProcessPoolExecutor(count, mp_context=context, initializer=_start, initargs=(accepted,)) as pool:
        parts = [pool.submit(_simulate_part, settings, part) for part in scenario.divided(count)]
        _follow(parts, lambda: progress(sum(accepted[:])))
        return combine(part.result() for part in parts)


def _follow(parts: Sequence[Future[Report]], progress: Callable[[], None]) -> None:
    while wait(parts, timeout=REFRESH_S).not_done:
        progress()
    progress()


_accepted: Any = None
"""In a child: how many mails of each part were accepted so far, shared with the parent."""


def _start(accepted: Any) -> None:
    global _accepted
    _accepted = accepted


def _simulate_part(settings: Settings, scenario: Scenario) -> Report:
    def progress(mails: int) -> None:
        _accepted[scenario.part] = mails

    return _simulate(settings, scenario, progress)


def _simulate(settings: Settings, scenario: Scenario, progress: Progress) -> Report:
    # The actors log every step; only the result of a simulation is of interest.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    campaigns = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(simulate(campaigns, settings, scenario, progress=progress))
