"""Read-only: how many mails the next hours and days hold, by campaign and segment."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from common.domain.planned_mails import Before
from common.ledger.ledger import Ledger
from common.ledger.reads.scheduled_mails import reminders_between

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
FORESEEN_MS: Final = 15 * DAY_MS
"""How far ahead mails are read for a schedule: its days reach no further."""
REMINDERS: Final = "reminders"
"""Stands in the place of a segment: reminders of calls have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An hour or a day. `mails`: their number by campaign and segment; of reminders by ("", REMINDERS)."""

    from_ms: int
    until_ms: int
    mails: Mapping[tuple[str, str], int]

    @property
    def number(self) -> int:
        return sum(self.mails.values())

    def only(self, campaign: str, segment: str) -> Span:
        """Return the span with only the mails of this campaign and this segment; "": of any."""
        kept = {
            key: number for key, number in self.mails.items() if campaign in ("", key[0]) and segment in ("", key[1])
        }
        return Span(from_ms=self.from_ms, until_ms=self.until_ms, mails=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The next hours and days. `overdue`: the number of mails whose time has passed; they are in no span."""

    hours: list[Span]
    days: list[Span]
    overdue: int

    def only(self, campaign: str, segment: str) -> Schedule:
        """Return the schedule with only the mails of this campaign and segment; `overdue` stays as it is."""
        hours, days = ([span.only(campaign, segment) for span in spans] for spans in (self.hours, self.days))
        return Schedule(hours=hours, days=days, overdue=self.overdue)

    def series(self, spans: Iterable[Span]) -> list[tuple[str, str]]:
        """Return the campaigns and segments that occur, in order."""
        return sorted({key for span in spans for key in span.mails})


async def reminder_times(ledger: Ledger, *, until_ms: int) -> list[tuple[int, str, str]]:
    """Return (when, campaign, segment) of all planned deliveries about calls, also of overdue ones."""
    return [(at_ms, "", REMINDERS) for at_ms, _ in await reminders_between(ledger, 0, until_ms)]


def schedule_of(
    times: Iterable[tuple[int, str, str]], *, now_ms: int, planned: Callable[[Sequence[int]], Before] = lambda _: {}
) -> Schedule:
    """
    Return the next 24 hours, of which the first and the last are partial, and 14 days from today on, UTC.

    `times`: (when, campaign, segment) of each mail; `planned`: returns how many further mails lie before given times.
    """
    hours = [(now_ms // HOUR_MS + n) * HOUR_MS for n in range(25)]
    if hours[-1] < (end_ms := now_ms + DAY_MS):
        hours.append(end_ms)
    days = [(now_ms // DAY_MS + n) * DAY_MS for n in range(15)]
    # Midnight is the start of an hour and of a day: each mark counts once.
    marks = sorted({now_ms, *hours[1:], *days[1:]})
    counted = [_before(times, marks), planned(marks)]
    before = {key: sum((each.get(key, Counter()) for each in counted), Counter()) for each in counted for key in each}
    return Schedule(
        hours=[_span(before, now_ms, start, end) for start, end in pairwise(hours)],
        days=[_span(before, now_ms, start, end) for start, end in pairwise(days)],
        overdue=sum(counts[now_ms] for counts in before.values()),
    )


def _before(times: Iterable[tuple[int, str, str]], marks: Sequence[int]) -> Before:
    sorted_times: dict[tuple[str, str], list[int]] = {}
    for at_ms, campaign, segment in sorted(times):
        sorted_times.setdefault((campaign, segment), []).append(at_ms)
    return {key: Counter({mark: bisect_left(each, mark) for mark in marks}) for key, each in sorted_times.items()}


def _span(before: Before, now_ms: int, from_ms: int, until_ms: int) -> Span:
    """Return a span, without what is overdue."""
    numbers = {key: counts[until_ms] - counts[max(from_ms, now_ms)] for key, counts in before.items()}
    return Span(from_ms=from_ms, until_ms=until_ms, mails={key: number for key, number in numbers.items() if number})
