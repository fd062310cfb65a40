"""A forecast: which mails are overdue after a pause or an outage, and when each will be sent once sending resumes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


def _at_any_hour(at_ms: int) -> int:
    return at_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """
    The waiting mails of one contact; the first of them is overdue.

    `who`: the enrollment or the booking's guest. `mails`: (name, due time in ms), in order. `last_ms`: when their last
    nurture mail was sent. `gap_ms`: the minimum gap between two mails; 0 for reminders, to which no gap applies.
    `opening_ms`: returns the first time, from a given time on, at which the sending window allows a mail on the
    reader's clock.
    """

    who: str
    mails: tuple[tuple[str, int], ...]
    last_ms: int | None
    gap_ms: int
    opening_ms: Callable[[int], int] = _at_any_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class LateMail:
    """
    One mail that is sent later than it was due.

    `may_ms`: the earliest time that its gap and its window allow. `at_ms`: when it is sent at the provider's rate.
    """

    who: str
    name: str
    due_ms: int
    may_ms: int
    at_ms: int


def late_mails(backlogs: Iterable[Backlog], *, now_ms: int, per_second: float) -> Iterator[LateMail]:
    """
    Yield the late mails in the order in which they are sent, for each contact until their mails are on time again.

    They are sent one by one at the provider's rate, the longest overdue first. Mails that are on time are not counted,
    so under load the last of the late ones are sent slightly later than this forecast says.
    """
    slot_ms = 1_000 / per_second
    free_ms = float(now_ms)
    heap = [entry for number, each in enumerate(backlogs) if (entry := _next(each, number, 0, each.last_ms, now_ms))]
    heapq.heapify(heap)
    while heap:
        may_ms, due_ms, number, index, backlog = heapq.heappop(heap)
        at_ms = round(max(free_ms, may_ms))
        free_ms = max(free_ms, may_ms) + slot_ms
        yield LateMail(who=backlog.who, name=backlog.mails[index][0], due_ms=due_ms, may_ms=may_ms, at_ms=at_ms)
        following = _next(backlog, number, index + 1, at_ms, now_ms)
        if following is not None:
            heapq.heappush(heap, following)


def _next(
    backlog: Backlog, number: int, index: int, last_ms: int | None, now_ms: int
) -> tuple[int, int, int, int, Backlog] | None:
    """
    Return the heap entry of the mail with this index. Return None when there is no such mail, or when it and so all
    later ones are on time.
    """
    if index == len(backlog.mails):
        return None
    due_ms = backlog.mails[index][1]
    gap_ends_ms = last_ms + backlog.gap_ms if last_ms is not None else 0
    may_ms = backlog.opening_ms(max(due_ms, now_ms, gap_ends_ms))
    is_late = due_ms <= now_ms or may_ms > backlog.opening_ms(due_ms)
    # `number` keeps the order among equals, and keeps backlogs from being compared.
    return (may_ms, due_ms, number, index, backlog) if is_late else None
