"""`make mutants`: plants every fault, two at a time; status 1 when one is not found. Words choose: `… claim freeze`."""

from __future__ import annotations

import argparse
import json
import queue
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.planted import MUTANTS
from tests.mutants.running import INSTALLATION, Copy, Decision

_MEMORY = INSTALLATION / ".venv" / "mutants.json"
"""Which test noticed which fault last time, so that it is asked first."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("scripts", nargs="*", help="only these scripts (claim, takeover, …)")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if not given.scripts or mutant.script in given.scripts]
    began_s = time.monotonic()
    conclusions, unsound = _all(chosen, given.jobs)
    missed = [conclusion for conclusion in conclusions if not conclusion.by]
    for conclusion in missed:
        print(f"{'NOT THERE' if conclusion.stale else 'NOT FOUND'}  {conclusion.mutant}")
    for by in sorted(unsound):
        print(f"NOT SOUND  fails without any fault, so what comes with it was not tried: {by}")
    print(f"{len(conclusions)} planted, {len(conclusions) - len(missed)} found, {time.monotonic() - began_s:.0f} s")
    return 1 if missed or unsound else 0


def _all(mutants: list[Mutant], jobs: int) -> tuple[list[Decision], set[str]]:
    with tempfile.TemporaryDirectory(prefix="advent-mutants-") as folder:
        before = _remembered()
        all_copies = [Copy(Path(folder) / str(number), before) for number in range(jobs)]
        copies: queue.Queue[Copy] = queue.Queue()
        for copy in all_copies:
            copies.put(copy)

        def try_out(mutant: Mutant) -> Decision:
            copy = copies.get()
            try:
                conclusion = copy.try_out(mutant)
            finally:
                copies.put(copy)
            word = "found" if conclusion.by else "STALE" if conclusion.stale else "MISSED"
            print(f"{word:7} {mutant}  by {conclusion.by}", file=sys.stderr, flush=True)
            return conclusion

        with ThreadPoolExecutor(jobs) as pool:
            conclusions = list(pool.map(try_out, mutants))
        for copy in all_copies:
            copy.end()
        _remember(before, conclusions)
        return conclusions, {by for copy in all_copies for by in copy.unsound.values()}


def _remembered() -> dict[str, str]:
    return dict(json.loads(_MEMORY.read_text())) if _MEMORY.exists() else {}


def _remember(before: dict[str, str], conclusions: list[Decision]) -> None:
    found_by = {str(conclusion.mutant): conclusion.by for conclusion in conclusions if conclusion.is_certain}
    if _MEMORY.parent.is_dir():
        _MEMORY.write_text(json.dumps(before | found_by, indent=1))


if __name__ == "__main__":
    sys.exit(main())
