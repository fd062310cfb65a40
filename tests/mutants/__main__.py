"""`make mutants`: plant every fault, two at a time; exit status 1 if one is not found. Arguments choose scripts."""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.planted import MUTANTS
from tests.mutants.running import INSTALLATION, Copy, Decision

_MEMORY = INSTALLATION / ".venv" / "mutants.json"
"""The tests that found each fault last time; they are run first."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("scripts", nargs="*", help="only faults of these files (deliveries, send.py, …)")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not given.scripts or mutant.script in given.scripts]
    began_s = time.monotonic()
    decisions, unsound = _try_all(chosen, given.jobs)
    missed = [decision for decision in decisions if not decision.by]
    for decision in missed:
        print(f"{'NOT THERE' if decision.stale else 'NOT FOUND'}  {decision.mutant}")
    for by in sorted(unsound):
        print(f"NOT SOUND  fails without any fault, so what comes with it was not tried: {by}")
    print(f"{len(decisions)} planted, {len(decisions) - len(missed)} found, {time.monotonic() - began_s:.0f} s")
    return 1 if missed or unsound else 0


def _try_all(mutants: list[Mutant], jobs: int) -> tuple[list[Decision], set[str]]:
    """
    Return the decisions, and the tests that fail without any fault.

    Each decision is stored at once, so that an interrupted run does not start from the beginning.
    """
    with tempfile.TemporaryDirectory(prefix="advent-mutants-") as folder:
        found_by = _remembered()
        all_copies = [Copy(Path(folder) / str(number), found_by.copy()) for number in range(jobs)]
        copies: queue.Queue[Copy] = queue.Queue()
        for copy in all_copies:
            copies.put(copy)

        def try_out(mutant: Mutant) -> Decision:
            copy = copies.get()
            try:
                return copy.try_out(mutant)
            finally:
                copies.put(copy)

        decisions = []
        with ThreadPoolExecutor(jobs) as pool:
            for trial in as_completed([pool.submit(try_out, mutant) for mutant in mutants]):
                decision = trial.result()
                word = "found" if decision.by else "STALE" if decision.stale else "MISSED"
                print(f"{word:7} {decision.mutant}  by {decision.by}", file=sys.stderr, flush=True)
                decisions.append(decision)
                if decision.is_certain:
                    found_by[str(decision.mutant)] = decision.by
                    _remember(found_by)
        for copy in all_copies:
            copy.end()
        return decisions, {by for copy in all_copies for by in copy.unsound.values()}


def _remembered() -> dict[str, str]:
    return dict(json.loads(_MEMORY.read_text())) if _MEMORY.exists() else {}


def _remember(found_by: dict[str, str]) -> None:
    if _MEMORY.parent.is_dir():
        _MEMORY.write_text(json.dumps(found_by, indent=1))


if __name__ == "__main__":
    sys.exit(main())
