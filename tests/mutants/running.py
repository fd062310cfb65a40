"""One fault in a copy of the house, and the tests that should notice it: the quick ones first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.planted import BROKER, LEDGER, PROVIDERS, Mutant

HOUSE = Path(__file__).parents[2]
_FOLDERS = ("actors", "common", "services", "tests")
_TIMEOUT_S = 600

_ORDERS = ["tests/ledger/test_interleavings.py", "tests/ledger/test_all_interleavings.py"]
STAGES: dict[str, list[list[str]]] = {
    LEDGER: [
        ["tests/ledger", "tests/actors", "-k", "not interleavings and not in_any_order and not in_every_order"],
        [*_ORDERS, "tests/ledger/test_bookings_interleavings.py"],
        ["tests/gateway", "tests/cli", "-m", "not acceptance"],
    ],
    BROKER: [
        ["tests/broker", "-m", "not acceptance"],
        [*_ORDERS, "tests/actors", "tests/ledger", "-m", "not acceptance"],
        ["tests/broker/test_processes.py"],
    ],
    PROVIDERS: [["tests/providers", "tests/contract"]],
}
"""For the scripts of a folder: arguments of pytest, tried one after the other until one of them fails."""


@dataclass(frozen=True)
class Verdict:
    """`by`: the first test that noticed; empty when none did. `stale`: there was nothing to take away."""

    mutant: Mutant
    by: str
    stale: bool = False


class Copy:
    """A copy of the house in which anything may be broken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _FOLDERS:
            shutil.copytree(HOUSE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(HOUSE / "pyproject.toml", folder)
        # It compares the scripts with the list of faults, so it would notice each of them.
        (folder / "tests/ledger/test_planted_mutants.py").unlink()

    def is_sound(self, folders: set[str]) -> str:
        """The first test that fails without any fault; empty when all is well."""
        return next((by for folder in sorted(folders) for stage in STAGES[folder] if (by := self._noticed(stage))), "")

    def try_out(self, mutant: Mutant) -> Verdict:
        """Raises AssertionError when the tests cannot be run."""
        if (self.folder / mutant.file).read_text().count(mutant.was) != 1:
            return Verdict(mutant, "", stale=True)
        with self._broken(mutant):
            for stage in STAGES[mutant.folder]:
                if by := self._noticed(stage):
                    return Verdict(mutant, by)
        return Verdict(mutant, "")

    @contextmanager
    def _broken(self, mutant: Mutant) -> Iterator[None]:
        file = self.folder / mutant.file
        whole = file.read_text()
        file.write_text(whole.replace(mutant.was, mutant.becomes))
        try:
            yield
        finally:
            file.write_text(whole)

    def _noticed(self, stage: list[str]) -> str:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *stage]
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            answer = subprocess.run(
                command,
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "a test that never ended"
        if answer.returncode == 0:
            return ""
        assert answer.returncode == 1, answer.stdout[-3000:] + answer.stderr[-3000:]
        failed = [line for line in answer.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return failed[0].split(" ")[1] if failed else "?"
