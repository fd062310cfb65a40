"""Reads only: how many mails the next hours and days hold, by campaign and segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from common.domain.cadence import Cadence
from common.domain.person_search import ListedPerson
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.store import texts

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
REMINDERS: Final = "reminders"
"""Instead of a segment: reminders of calls have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An hour or a day. `mails`: by campaign and segment, of reminders ("", REMINDERS)."""

    from_ms: int
    until_ms: int
    mails: Mapping[tuple[str, str], int]

    @property
    def number(self) -> int:
        return sum(self.mails.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`overdue`: mails whose time has passed; they are in no span."""

    hours: list[Span]
    days: list[Span]
    overdue: int

    def series(self, spans: Iterable[Span]) -> list[tuple[str, str]]:
        """The campaigns and segments that occur, in order."""
        return sorted({key for span in spans for key in span.mails})


def planned_times(people: Iterable[ListedPerson], cadences: Mapping[str, Cadence]) -> list[tuple[int, str, str]]:
    """
    (when, campaign, segment) of each step that is still to come, of everybody under way whose campaign is played.

    The next one at the time that it is planned for, the others by the calendar of the campaign: what a gap, a window
    or a skipped step changes is not foreseen.
    """
    found = []
    for person in people:
        cadence = cadences.get(person.campaign)
        if person.status != "active" or person.next_step is None or person.next_due_ms is None or cadence is None:
            continue
        found.append((person.next_due_ms, person.campaign, person.segment))
        for step in cadence.after(person.next_step):
            due_ms = cadence.due_ms(anchor_ms=person.signed_up_ms, step=step)
            found.append((due_ms, person.campaign, person.segment))
    return found


async def reminder_times(ledger: Ledger, *, now_ms: int, until_ms: int) -> list[tuple[int, str, str]]:
    """Likewise of reminders of calls."""
    found = texts(await ledger.client.zrange(keys.OPEN, 0, until_ms, byscore=True, withscores=True))
    return [(int(at_ms), "", REMINDERS) for name, at_ms in found if name.startswith("bkg_")]


def schedule_of(times: Iterable[tuple[int, str, str]], *, now_ms: int) -> Schedule:
    """The next 24 hours, beginning with this one, and the next 14 days, beginning with today, UTC."""
    hour, day = now_ms - now_ms % HOUR_MS, now_ms - now_ms % DAY_MS
    by_hour: dict[int, Counter[tuple[str, str]]] = {hour + n * HOUR_MS: Counter() for n in range(24)}
    by_day: dict[int, Counter[tuple[str, str]]] = {day + n * DAY_MS: Counter() for n in range(14)}
    overdue = 0
    for at_ms, campaign, segment in times:
        if at_ms < now_ms:
            overdue += 1
            continue
        for size, spans in ((HOUR_MS, by_hour), (DAY_MS, by_day)):
            if (counted := spans.get(at_ms - at_ms % size)) is not None:
                counted[campaign, segment] += 1
    return Schedule(hours=_spans(by_hour, HOUR_MS), days=_spans(by_day, DAY_MS), overdue=overdue)


def _spans(counted: Mapping[int, Counter[tuple[str, str]]], size: int) -> list[Span]:
    return [Span(from_ms=at_ms, until_ms=at_ms + size, mails=dict(mails)) for at_ms, mails in counted.items()]
