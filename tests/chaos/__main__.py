"""`make chaos SEED=7 PEOPLE=2000 KILLS=200`: do one run and print its results; status 1 if a promise broke."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from services.cli.progress import line_bar
from tests.chaos.chaos_run import ChaosRun, Outcome, Parameters


def main() -> int:
    given = _parser().parse_args()
    duration_s = given.minutes * 60 if given.minutes else max(20.0, given.kills * 2.0, given.people / 6)
    parameters = Parameters(
        seed=given.seed,
        people=given.people,
        kills=given.kills,
        duration_s=duration_s,
        faults=given.faults,
        speed=given.speed,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Leave through `finally`, so that nothing is left running.
    with line_bar() as say:
        run = ChaosRun(parameters, say=say, folder=given.folder)
        outcome = run.execute()
    print(json.dumps(as_json(outcome), indent=2) if given.json else as_text(outcome))
    if outcome.violations or given.keep:
        print(f"logs and data: {run.folder}", file=sys.stderr)
    else:
        shutil.rmtree(run.folder)
    return 1 if outcome.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--faults", type=float, default=0.3, help="share of the providers' requests that go wrong")
    parser.add_argument("--minutes", type=float, help="how long faults last; unless given, as the others need")
    parser.add_argument("--speed", type=float, default=20, help="CAMPAIGN_SPEED: a campaign lasts 360 s divided by it")
    parser.add_argument("--folder", type=Path, help="where data and logs go; a disk makes fsync take its time")
    parser.add_argument("--keep", action="store_true", help="leave data and logs there")
    parser.add_argument("--json", action="store_true")
    return parser


def as_json(outcome: Outcome) -> dict[str, object]:
    comparison = {name: value for name, value in vars(outcome.comparison).items() if name != "violations"}
    return {
        **asdict(outcome.parameters),
        "done": dict(sorted(outcome.done.items())),
        **comparison,
        **outcome.figures,
        "violations": outcome.violations,
    }


def as_text(outcome: Outcome) -> str:
    lines = []
    for name, value in as_json(outcome).items():
        if name == "violations":
            continue
        if isinstance(value, dict):
            lines.append(name)
            lines += [f"    {number:>10}  {what}" for what, number in value.items()]
        else:
            lines.append(f"{name:24} {value}")
    lines += [f"VIOLATION {line}" for line in outcome.violations[:50]]
    lines.append(f"{len(outcome.violations)} violations")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
