"""The matrix as people read it. `python -m tests.faults.page` writes it anew."""

from __future__ import annotations

from pathlib import Path

from tests.faults.matrix import Fault, Provider
from tests.faults.notion import NOTION
from tests.faults.resend import RESEND

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
PROVIDERS = (RESEND, NOTION)

_HEAD = """\
# What each fault does

Every documented error of Resend and Notion, and every way in which their answers can be missing: which failure it is,
what happens to the mail or the row, what the operator sees and can do. This page is written from the rows in
`tests/faults` (`python -m tests.faults.page`); the tests there try each row through the real SDKs.

The failures: *Throttled*: nothing happened, come back later · *Transient*: nothing happened, it may succeed later ·
*Ambiguous*: it may have happened, so it is repeated only with the same key and the same bytes · *Permanent*: it will
never succeed · *Misconfigured*: no request will succeed until a person changes something.

**When a circuit opens.** A refused connection, a name that cannot be resolved, a failed handshake and everything
*Misconfigured* hold all requests to that provider at once. A 5xx answer or a missing one may be the trouble of one
mail: it is that mail's until three different deliveries in a row fail so without a success between them. A single
contact in the system therefore gets four attempts and a dead letter, while an outage that three contacts meet costs
none of them an attempt, however long it lasts. While all wait, one request at a time probes the provider, after 1 s,
then 2, 4, 8, 16, at most 30 s (for a spent quota: an hour, for a month's quota six). The probe is the delivery that is
longest overdue and has not failed yet, so a few mails that always fail cannot hold up the others. The rest keep their
places in the schedule, and no attempt is counted. The first success closes the circuit, and what waits is sent at the
configured rate. `advent status` says why and since when all wait; `advent_circuit_open` is in the metrics.

An attempt of unknown outcome is repeated under the same key for 23 h; Resend forgets keys after 24 h. If all wait for
longer, Resend's list decides: what is in it was accepted, what is certainly not in it is sent again at its turn, and
only what cannot be decided becomes a dead letter.
"""


def page() -> str:
    return "\n".join([_HEAD, *(line for provider in PROVIDERS for line in _table(provider))])


def _table(provider: Provider) -> list[str]:
    lines = [
        f"## {provider.title}: what happens to {provider.what}",
        "",
        f"| when | failure | {provider.what} | the operator sees |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_line(provider, fault) for fault in provider.faults]
    return [*lines, ""]


def _line(provider: Provider, fault: Fault) -> str:
    sees = provider.sees[fault.outcome] + (f"; {fault.cure}" if fault.cure else "")
    return f"| {fault.when} | {_failure(fault)} | {provider.becomes[fault.outcome]} | {sees} |"


def _failure(fault: Fault) -> str:
    if fault.kind == "none":
        return "none"
    return fault.kind + (f"; of a read {fault.reading}" if fault.reading not in (None, fault.kind) else "")


if __name__ == "__main__":
    PAGE.write_text(page())
