"""The matrix as a page for people. `python -m tests.faults.page` writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from tests.faults.matrix import Fault, Provider
from tests.faults.notion import NOTION
from tests.faults.resend import RESEND

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
PROVIDERS = (RESEND, NOTION)

K = TypeVar("K")

_HEAD = """\
# What each fault does

Every documented error of Resend and Notion, and every way in which their answers can be missing: which failure it is,
what happens to the mail or the row, what the operator sees and can do. This page is written from the rows in
`tests/faults` (`python -m tests.faults.page`); the tests there try each row through the real SDKs.

- *Throttled*: nothing happened, come back later
- *Transient*: nothing happened, it may succeed later
- *Ambiguous*: it may have happened, so it is repeated only with the same key and the same bytes
- *Permanent*: it will never succeed
- *Misconfigured*: no request will succeed until a person changes something

**When a circuit opens.** A refused connection, a name that cannot be resolved, a failed handshake and everything
*Misconfigured* hold all requests to that provider at once. A 5xx answer or a missing one is the trouble of one mail
until three different deliveries in a row fail so: a single contact gets four attempts and a dead letter, while an
outage that three contacts meet costs none of them an attempt, however long it lasts. While all wait, one request at a
time probes the provider, after 1 s, then 2, 4, 8, 16, at most 30 s (for a spent quota: an hour, for a month's quota
six): the delivery that is longest overdue and has not failed yet. The others keep their places in the schedule. The
first success closes the circuit, and what waits is sent at the configured rate. `advent status` says why and since when
all wait; `advent_circuit_open` is in the metrics.

An attempt of unknown outcome is repeated under the same key for 23 h; [then](guarantees.md#exactly-once) Resend's list
decides.
"""


def page() -> str:
    return "\n".join([_HEAD, *(line for provider in PROVIDERS for line in _section(provider))])


def _section(provider: Provider) -> list[str]:
    """Return the provider's section: an entry for each failure and outcome, with a line for each cure."""
    lines = [f"## {provider.title}: what happens to {provider.what}", ""]
    for (failure, outcome), faults in _groups(provider.faults, lambda fault: (_failure(fault), fault.outcome)).items():
        lines += [f"**{failure}: {provider.becomes[outcome]}.** The operator sees: {provider.sees[outcome]}.", ""]
        lines += [_line(cure, same) for cure, same in _groups(faults, lambda fault: fault.cure).items()]
        lines += [""]
    return lines


def _groups(faults: Iterable[Fault], key: Callable[[Fault], K]) -> dict[K, list[Fault]]:
    """Group the faults by a key, in the order in which each key first appears."""
    groups: dict[K, list[Fault]] = {}
    for fault in faults:
        groups.setdefault(key(fault), []).append(fault)
    return groups


def _line(cure: str, faults: list[Fault]) -> str:
    return f"- {' · '.join(fault.when for fault in faults)}" + (f" → {cure}" if cure else "")


def _failure(fault: Fault) -> str:
    if fault.kind == "none":
        return "No failure"
    return fault.kind + (f" (of a read {fault.reading})" if fault.reading not in (None, fault.kind) else "")


if __name__ == "__main__":
    PAGE.write_text(page())
