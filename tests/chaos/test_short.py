"""A minute of chaos in each run of the suite; `make chaos` takes its time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.__main__ import as_text
from tests.chaos.arena import Arena, Terms

_MEMORY = Path("/dev/shm")
TERMS = Terms(seed=5, people=50, kills=10, duration_s=25, speed=60, patience_s=100)


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_a_minute_of_chaos_loses_and_doubles_nothing() -> None:
    arena = Arena(TERMS, say=print, folder=_MEMORY if _MEMORY.is_dir() else None)
    try:
        outcome = arena.play()
    finally:
        shutil.rmtree(arena.folder)

    assert outcome.violations == [], as_text(outcome)
    assert outcome.done["kill"] == TERMS.kills
    assert outcome.figures["answered"] == TERMS.people
    assert outcome.account.mails > 6 * TERMS.people
