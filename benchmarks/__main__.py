"""
`make bench`: measures every figure that the documentation states, and compares it with its goal.

    python -m benchmarks [gateway] [people] [memory] [parked] [rendering] [simulation] [migrate] [costs] [bookings]
        [versions] [console] [--quick] [--json]

Runs all benchmarks, or only those that are named. `--quick` uses small sizes and takes about a minute: enough to see
whether a change made a difference. The figures in `docs/performance.md` come from a full run on an idle machine. The
exit status is 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import (
    bookings,
    console,
    costs,
    gateway,
    memory,
    migration,
    parked,
    people,
    rendering,
    simulation,
    versions,
)
from benchmarks.figures import Figure, Goal, as_json, print_table


def of_gateway(*, quick: bool) -> list[Figure]:
    found: Any = gateway.measure(requests=1_000 if quick else 2_000, rounds=5 if quick else 15, connections=64)
    ours, bare = found["advent"], found["bare"]
    ratios = sorted(found["ratios"])
    rounds = f"median of {len(ratios)} rounds, {ratios[0]:.2f} to {ratios[-1]:.2f}"
    cpu = f"of the gateway; the bare handler: {bare['cpu_us']:.0f}"
    return [
        Figure("signups a second, vs. the bare handler", found["ratio"], "times", Goal(0.9, at_least=True), rounds),
        Figure("signups a second", round(ours["rps"]), "/s", None, f"the bare handler: {bare['rps']:,.0f}/s"),
        Figure("processor time of a signup", round(ours["cpu_us"]), "µs", None, cpu),
        Figure("response to a signup, p99", ours["p99_ms"], "ms", Goal(50), f"64 at once; p50 {ours['p50_ms']} ms"),
    ]


def of_people(*, quick: bool) -> list[Figure]:
    return people.measure(people=10_000 if quick else 100_000)


def of_memory(*, quick: bool) -> list[Figure]:
    return memory.measure(signups=20 if quick else 200)


def of_parked(*, quick: bool) -> list[Figure]:
    found = parked.measure(50_000 if quick else 1_000_000, 5 if quick else 30)
    behind = f"{found['parked']:,} parked, {found['started']:,} due"
    about = f"p50 {found['lateness_p50_ms']} ms, maximum {found['lateness_max_ms']} ms"
    return [
        Figure("lateness among parked messages, p99", found["lateness_p99_ms"], "ms", Goal(50), f"{behind}; {about}"),
        Figure("memory of a parked message", found["bytes_per_parked_message"], "bytes"),
        Figure("messages parked a second", found["parked_a_second"], "/s", None, "in batches, each synced to disk"),
    ]


def of_rendering(*, quick: bool) -> list[Figure]:
    return rendering.measure(people=40 if quick else 200, rounds=3 if quick else 7)


def of_migrate(*, quick: bool) -> list[Figure]:
    return migration.measure(people=20_000 if quick else 200_000)


def of_costs(*, quick: bool) -> list[Figure]:
    return costs.measure(costs.SIZES[:2] if quick else costs.SIZES)


def of_bookings(*, quick: bool) -> list[Figure]:
    return bookings.measure(bookings=1_000 if quick else 9_000)


def of_simulation(*, quick: bool) -> list[Figure]:
    return simulation.measure(people=100 if quick else 1_000)


def of_versions(*, quick: bool) -> list[Figure]:
    return versions.measure(people=1_000 if quick else 10_000)


def of_console(*, quick: bool) -> list[Figure]:
    return console.measure(people=10_000 if quick else 100_000, requests=10 if quick else 40)


BENCHMARKS: dict[str, Callable[..., list[Figure]]] = {
    "gateway": of_gateway,
    "people": of_people,
    "memory": of_memory,
    "parked": of_parked,
    "rendering": of_rendering,
    "simulation": of_simulation,
    "versions": of_versions,
    "migrate": of_migrate,
    "costs": of_costs,
    "bookings": of_bookings,
    "console": of_console,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure what docs/performance.md states.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    for name in options.names or BENCHMARKS:
        sys.stderr.write(f"measuring: {name} …\n")
        figures += BENCHMARKS[name](quick=options.quick)
    if options.as_json:
        sys.stdout.write(as_json(figures, machine()) + "\n")
    else:
        sys.stdout.write(" · ".join(str(fact) for fact in machine().values()) + "\n")
        print_table(figures)
    return 1 if any(figure.conclusion == "MISSED" for figure in figures) else 0


def machine() -> dict[str, Any]:
    return {
        "processors": f"{os.cpu_count()} processors",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"Python {platform.python_version()}",
        "load": f"load {os.getloadavg()[0]:.1f}",
    }


if __name__ == "__main__":
    sys.exit(main())
