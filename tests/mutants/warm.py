"""
A process in a copy of the repository that has imported everything and forks for each run of pytest.

Imports take longer than most runs, so they are done once; what a run changes in memory is gone with its fork.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

import pytest

from common.ledger import scripts
from common.providers import budget
from common.providers.notion import duplicates as guard
from common.queue import lua_broker
from common.queue.lua_broker import LUA_FOLDER
from common.store.lua import read_libraries
from tests.mutants.mutant import LEDGER, PROVIDERS
from tests.mutants.planting import replace_functions

TOO_LONG = " (in too long a time)"
NEVER_ENDED = "a test that never ended"
DIED = "a test that ended its process"
_TIMEOUT_S = 600
_OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--timeout", "60")


class Warm:
    """The process as its owner sees it."""

    def __init__(self, folder: Path, tests: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.warm", *tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def noticed(self, arguments: Sequence[str], *, module: str = "") -> str:
        """
        Run pytest with these arguments. Return the first test that failed, or '' if none did.

        `module`: the Python file that was changed, or ''. Raises RuntimeError if pytest could not run.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([module, *arguments]), file=self._process.stdin, flush=True)
        status, by = json.loads(self._process.stdout.readline() or '[-1, "it ended"]')
        if status not in (0, 1):
            raise RuntimeError(f"pytest {' '.join(arguments)}: status {status} {by}")
        return str(by)

    def end(self) -> None:
        self._process.communicate()


class _FirstFailure:
    """A pytest plugin that remembers the first test that failed."""

    by = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            # A fault may make a test wait forever; so may an overloaded machine.
            self.by = report.nodeid + (TOO_LONG if "Timeout (>" in str(report.longrepr) else "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.by = report.nodeid


def _run(arguments: list[str]) -> tuple[int, str]:
    fork = multiprocessing.get_context("fork")
    answers, answer = fork.Pipe(duplex=False)
    run = fork.Process(target=_pytest, args=(arguments, answer))
    run.start()
    answer.close()
    try:
        said: tuple[int, str] = answers.recv() if answers.poll(_TIMEOUT_S) else (1, NEVER_ENDED)
    except EOFError:
        said = (1, DIED)
    run.kill()
    run.join()
    return said


def _pytest(arguments: list[str], answer: Connection) -> None:
    module, *arguments = arguments
    _read_scripts_again()
    if module:
        replace_functions(module, Path(module).read_text())
    first = _FirstFailure()
    status = pytest.main([*_OPTIONS, *arguments], plugins=[first])
    answer.send((int(status), first.by))


def _read_scripts_again() -> None:
    """Read again what was read at import, before there was a fault."""
    lua_broker.compose_scripts.cache_clear()
    budget._SCRIPT = Path(PROVIDERS, "budget.lua").read_text()
    guard._SCRIPT = Path(PROVIDERS, "notion/creation_guard.lua").read_text()
    scripts.LIBRARIES.update(read_libraries(Path(LEDGER), LUA_FOLDER))
    scripts.load.cache_clear()


def _serve(requests: TextIO, answers: TextIO) -> None:
    for line in requests:
        print(json.dumps(_run(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    # pytest's output is discarded, and the tests must not read the requests.
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    pytest.main([*_OPTIONS, "--collect-only", *sys.argv[1:]])
    with requests, answers:
        _serve(requests, answers)
