"""Reads deployment files and runs the tools that check their formats."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed; `pip install -e '.[dev]'` brings it")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def load_all(text: str) -> list[Any]:
    return [document for document in yaml.safe_load_all(text) if document]


def run(tool: str, *arguments: str | Path) -> str:
    """Return the tool's output. Fails with the output if the tool reports an error; skips if it is not installed."""
    in_venv = Path(sys.executable).parent / tool
    found = str(in_venv) if in_venv.exists() else shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
