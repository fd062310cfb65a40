"""Prometheus's own tools, if they are installed (Debian: prometheus, prometheus-alertmanager)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tidy.repository import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules"


def tool(name: str) -> str:
    """Return the path of a tool. If it is missing, skip the test and say what to install."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here: apt-get install prometheus prometheus-alertmanager")
    return found


def run(name: str, *arguments: str | Path) -> None:
    """Run a tool. Fails with all of its output if it reports an error."""
    command = [tool(name), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
