"""What is overdue after a pause or an outage, and when it goes: the policy worked out before it is let loose."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


def _at_any_hour(at_ms: int) -> int:
    return at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """
    The mails of one person of which the first is overdue.

    `mails`: (name, instant it is due, ms), in order; `last_ms`: their last nurture mail. `gap_ms`: between two of them;
    0 for reminders, which know no gap. `opening_ms`: when a mail may go that could go at a time, as the sending window
    and the reader's time zone say.
    """

    who: str
    mails: tuple[tuple[str, int], ...]
    last_ms: int | None
    gap_ms: int
    opening_ms: Callable[[int], int] = _at_any_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """
    One mail that goes later than it was due.

    `may_ms`: as soon as its gap and its window allow; `at_ms`: as the rate allows.
    """

    who: str
    name: str
    due_ms: int
    may_ms: int
    at_ms: int


def departures(backlogs: Iterable[Backlog], *, now_ms: int, per_second: float) -> Iterator[Departure]:
    """
    What goes because of a backlog, in the order in which it goes; of each person until their mails are on time again.

    One after the other at the provider's rate: the longest overdue first. What is on time is not counted in, so under
    load the last of them go a little later than said here.
    """
    slot_ms = 1_000 / per_second
    free_ms = float(now_ms)
    heap = [entry for number, each in enumerate(backlogs) if (entry := _next(each, number, 0, each.last_ms, now_ms))]
    heapq.heapify(heap)
    while heap:
        may_ms, due_ms, number, index, backlog = heapq.heappop(heap)
        at_ms = round(max(free_ms, may_ms))
        free_ms = max(free_ms, may_ms) + slot_ms
        yield Departure(who=backlog.who, name=backlog.mails[index][0], due_ms=due_ms, may_ms=may_ms, at_ms=at_ms)
        following = _next(backlog, number, index + 1, at_ms, now_ms)
        if following is not None:
            heapq.heappush(heap, following)


def _next(
    backlog: Backlog, number: int, index: int, last_ms: int | None, now_ms: int
) -> tuple[int, int, int, int, Backlog] | None:
    """When the mail of this index may go; None when there is none, or it is on time and so are all after it."""
    if index == len(backlog.mails):
        return None
    due_ms = backlog.mails[index][1]
    gap_ends_ms = last_ms + backlog.gap_ms if last_ms is not None else 0
    may_ms = backlog.opening_ms(max(due_ms, now_ms, gap_ends_ms))
    is_late = due_ms <= now_ms or may_ms > backlog.opening_ms(due_ms)
    # `number` keeps the order among equals, and keeps backlogs from being compared.
    return (may_ms, due_ms, number, index, backlog) if is_late else None
