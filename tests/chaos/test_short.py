"""A minute of chaos as an acceptance test; `make chaos` runs longer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.__main__ import as_text
from tests.chaos.chaos_run import ChaosRun, Parameters

_MEMORY = Path("/dev/shm")
PARAMETERS = Parameters(seed=5, people=50, kills=10, duration_s=25, speed=60, patience_s=100)


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_a_minute_of_chaos_loses_and_doubles_nothing() -> None:
    run = ChaosRun(PARAMETERS, say=print, folder=_MEMORY if _MEMORY.is_dir() else None)
    try:
        outcome = run.execute()
    finally:
        shutil.rmtree(run.folder)

    assert outcome.violations == [], as_text(outcome)
    assert outcome.done["kill"] == PARAMETERS.kills
    assert outcome.figures["answered"] == PARAMETERS.people
    assert outcome.comparison.mails > 6 * PARAMETERS.people
