"""The matrix as people read it. `python -m tests.faults.page` writes it anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.providers.fault import Fault
from common.providers.matrix import NOTION, RESEND

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"

_HEAD = """\
# What each fault does

Every documented error of Resend and Notion, and every way their answers can stay away: which failure it is, what
becomes of the mail or the row, what the operator sees and does. This page is written from `common/providers/matrix.py`
(`python -m tests.faults.page`); `tests/faults` tries each row through the real SDKs.

The failures: *Throttled* nothing happened, come back later · *Transient* nothing happened, it may succeed later ·
*Ambiguous* it may have happened, so it is repeated only with the same key and the same bytes · *Permanent* it never
will succeed · *Misconfigured* nothing will, until somebody changes something.

**When everybody waits.** A refused connection, a name or a handshake that fails, and everything *Misconfigured*, hold
all requests to that provider at once. An answer of 5xx or a silence may be one mail's own trouble: it is that mail's
until three different deliveries in a row fail so with no success between. So a single person in the system gets four
tries and a dead letter, and an outage that three people meet costs nobody one, however long it lasts. While all wait,
one request at a time finds out, after 1 s, then 2, 4, 8, 16, at most 30 s (a spent quota: an hour, six for a month's);
each time it is the turn of whoever is longest overdue, so a few mails that always fail cannot hold up the others. The
rest keep their places in the schedule and cost nothing. The first success opens the way, and what waits leaves at the
configured rate. Why all wait and since when: `advent status`; `advent_circuit_open` in the metrics.

A try of unknown outcome is repeated under the same key for 23 h; Resend forgets keys after 24. If everybody waits for
longer, Resend's list tells: what is in it was accepted, what is certainly not goes again at its turn, and only what
cannot be told becomes a dead letter.
"""


def page() -> str:
    return "\n".join(
        [
            _HEAD,
            *_table("Resend: what a mail meets", "the mail", RESEND),
            *_table("Notion: what a row meets", "the row", NOTION),
        ]
    )


def _table(title: str, what: str, faults: Sequence[Fault]) -> list[str]:
    lines = [f"## {title}", "", f"| when | failure | {what} | the operator sees |", "| --- | --- | --- | --- |"]
    lines += [f"| {fault.when} | {_failure(fault)} | {fault.becomes} | {fault.sees} |" for fault in faults]
    return [*lines, ""]


def _failure(fault: Fault) -> str:
    if fault.kind == "none":
        return "none"
    return fault.kind + (f"; of a read {fault.reading}" if fault.reading not in (None, fault.kind) else "")


if __name__ == "__main__":
    PAGE.write_text(page())
