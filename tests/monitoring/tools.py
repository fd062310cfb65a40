"""Prometheus's own tools, where they are installed (Debian: prometheus, prometheus-alertmanager)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tidy.repository import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules"


def tool(name: str) -> str:
    """Its path; without it the test is skipped, and says what to install."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here: apt-get install prometheus prometheus-alertmanager")
    return found


def run(name: str, *arguments: str | Path) -> None:
    """Fails with everything the tool said."""
    command = [tool(name), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
