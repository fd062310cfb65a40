"""
`make fuzz`: a hundred thousand invalid or unusual requests to a gateway process with a store of its own.

Exits with 1 at the first 5xx, when an unsigned request is accepted, and when the gateway's log has a traceback.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.store.embedded import EmbeddedStore
from tests.acceptance.http import status_of
from tests.acceptance.place import free_ports
from tests.gateway.fuzzing import GIVEN, ORIGINALS, Fuzz

ROUND = 300
"""Mutated payloads of each kind between two rounds of generated requests."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz a gateway.")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument(
        "--seconds",
        type=float,
        default=600,
        help="the run ends at this time or number of requests, whichever comes first",
    )
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, gateway(Path(folder)) as (url, log):
        print(f"seed {asked.seed}", flush=True)
        with Fuzz(url, lambda: int(time.time()), seed=asked.seed, values_max=500) as fuzz:
            began = time.monotonic()
            play(fuzz, requests=asked.requests, until=began + asked.seconds)
            passed_s = time.monotonic() - began
        assert status_of(f"{url}/health") == 200, "the gateway does not answer any more"
        broken = [
            line
            for line in log.read_text(errors="replace").splitlines()
            if "request_failed" in line or "Traceback" in line
        ]
        report(fuzz.sent, passed_s)
        if broken:
            print(f"{len(broken)} internal errors in the log, the first: {broken[0]}")
        return 1 if broken else 0


def play(fuzz: Fuzz, *, requests: int, until: float) -> None:
    number = 0
    while fuzz.requests < requests and time.monotonic() < until:
        fuzz.described(examples=60, round=number)
        for _ in range(ROUND):
            for kind in ORIGINALS:
                fuzz.mutated(kind)
            fuzz.other_paths()
        number += 1


def report(sent: Counter[tuple[str, int]], passed_s: float) -> None:
    total = sum(sent.values())
    print(f"{total} requests in {passed_s:.0f} s ({total / passed_s:.0f} a second)")
    for how in dict.fromkeys(how for how, _ in sorted(sent)):
        answers = {status: number for (what, status), number in sorted(sent.items()) if what == how}
        print(
            f"  {how:<10} {sum(answers.values()):>7}   "
            + "  ".join(f"{s or 'cut off'}: {n}" for s, n in answers.items())
        )


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (URL, log file) of a gateway process. The process and its store end with the block."""
    store, (port,) = EmbeddedStore(folder / "store"), free_ports(1)
    store.start()
    given = {name.upper(): str(value) for name, value in GIVEN.items()}
    environment = {**os.environ, **given, "REDIS_URL": store.url, "DATA_DIR": str(folder), "GATEWAY_PORT": str(port)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "services.gateway"], env=environment, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                if status_of(f"{url}/health") == 200:
                    break
                time.sleep(0.05)
            yield url, folder / "log"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            store.stop()


if __name__ == "__main__":
    sys.exit(main())
