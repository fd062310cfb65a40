"""`python -m tests.interleavings`: explores larger budgets than the suite has time for, and prints their size."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from common.store.embedded import EmbeddedStore
from tests.interleavings.explorer import explore
from tests.interleavings.plans import PLANS, SMS
from tests.interleavings.protocol import Protocol
from tests.interleavings.recovery import Recovery
from tests.interleavings.states import Budget

BUDGETS = (
    Budget(sleeps=1, passes=1),
    Budget(deaths=1, copies=1),
    Budget(deaths=1, passes=1, troubles=1),
    Budget(troubles=2, passes=2, replays=1),
    Budget(deaths=2, leaves=1, troubles=1),
    Budget(sleeps=2, troubles=1),
    Budget(tidings=1, leaves=1, deaths=1, troubles=1),
    Budget(tidings=1, sleeps=1, troubles=1),
    Budget(erasures=1, sleeps=1, troubles=1),
    Budget(sleeps=1, deaths=1, copies=1),
)

OF_CALLS = (Budget(reschedules=1, deaths=1, troubles=1), Budget(reschedules=1, cancels=1, deaths=1, passes=1))
OF_SMS = (Budget(stops=1, deaths=1, troubles=1), Budget(stops=1, sleeps=1))


_HELP = "Explores what the suite has no time for, and says how much that was."


def main() -> None:
    argparse.ArgumentParser(prog="python -m tests.interleavings", description=_HELP).parse_args()
    with tempfile.TemporaryDirectory(prefix="advent-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        store = EmbeddedStore(Path(folder))
        store.start()
        for plan in PLANS:
            protocol = Protocol(store.url, plan)
            budgets = (*BUDGETS, *(OF_CALLS if plan.is_of_call else ()), *(OF_SMS if plan is SMS else ()))
            for budget in budgets:
                began_s = time.monotonic()
                found = explore(protocol, protocol.begin(budget), Recovery(protocol).check)
                print(f"{plan.name} {budget}\n    {found}, {time.monotonic() - began_s:.0f} s", flush=True)
            protocol.close()
        store.stop()


if __name__ == "__main__":
    main()
