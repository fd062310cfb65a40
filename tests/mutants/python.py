"""
`make mutmut`: small faults in every function of `common/domain` and of the Python of `common/ledger`, by mutmut.

It works in a copy of the repository and prints the faults that no test found, each as a diff.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

INSTALLATION = Path(__file__).parents[2]
_FOLDERS = ("actors", "benchmarks", "common", "services", "tests")

PARTS = {
    "domain": ("common/domain/*.py", ("tests/domain", "tests/audit", "tests/ledger/test_codec.py", "tests/campaigns")),
    "ledger": ("common/ledger/*.py", ("tests/ledger", "tests/rebuild", "tests/audit", "tests/actors")),
}
"""By part: the files that are broken, and the tests; mutmut runs those that reach the broken function."""

_CONFIG = """\
[mutmut]
source_paths=common
only_mutate={broken}
also_copy=
    actors
    benchmarks
    services
pytest_add_cli_args_test_selection=
    {tests}
pytest_add_cli_args=
    -p
    no:cacheprovider
    -m
    not acceptance
    -k
    not interleavings and not in_any_order and not in_every_order and not fault and not ten_thousand
timeout_constant=5
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.python", description=__doc__)
    parser.add_argument("parts", nargs="*", type=_part, help="domain, ledger, or modules: common/ledger/codec.py")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="advent-mutmut-") as folder:
        for number, (broken, tests) in enumerate(given.parts or PARTS.values()):
            installation = Path(folder) / str(number)
            _copy(installation, broken, tests)
            print(f"== {broken}", flush=True)
            _mutmut(installation, "run", "--max-children", str(given.jobs))
            for survivor in _survivors(installation):
                print(_mutmut(installation, "show", survivor), flush=True)
    return 0


def _part(name: str) -> tuple[str, Sequence[str]]:
    if name in PARTS:
        return PARTS[name]
    part = PARTS.get(Path(name).parent.name)
    if part is None or not (INSTALLATION / name).is_file():
        raise argparse.ArgumentTypeError(f"{name} is neither {' nor '.join(PARTS)} nor a module of one of them")
    return name, part[1]


def _copy(installation: Path, broken: str, tests: Sequence[str]) -> None:
    for name in _FOLDERS:
        shutil.copytree(INSTALLATION / name, installation / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(INSTALLATION / "pyproject.toml", installation)
    (installation / "setup.cfg").write_text(_CONFIG.format(broken=broken, tests="\n    ".join(tests)))


def _survivors(installation: Path) -> list[str]:
    lines = (line.split(":") for line in _mutmut(installation, "results").splitlines() if ":" in line)
    return [name.strip() for name, what in lines if what.strip() == "survived"]


def _mutmut(installation: Path, *arguments: str) -> str:
    command = [str(Path(sys.executable).parent / "mutmut"), *arguments]
    answer = subprocess.run(command, cwd=installation, env=os.environ, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(answer.stdout[-2000:] + answer.stderr[-2000:])
    if arguments[0] == "run":
        print(answer.stdout.splitlines()[-1].rpartition("\r")[2])
    return answer.stdout


if __name__ == "__main__":
    sys.exit(main())
