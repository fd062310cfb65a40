"""Reads only: how many mails the next hours and days hold, by campaign and segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from common.domain.cadence import Cadence
from common.domain.person_search import ListedPerson
from common.ledger import keys
from common.ledger.ledger import Ledger

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

    def only(self, campaign: str, segment: str) -> Span:
        """With the mails of this campaign and this segment; "": of any."""
        kept = {
            key: number for key, number in self.mails.items() if campaign in ("", key[0]) and segment in ("", key[1])
        }
        return Span(from_ms=self.from_ms, until_ms=self.until_ms, mails=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`overdue`: mails whose time has passed; they are in no span."""

    hours: list[Span]
    days: list[Span]
    overdue: int

    def only(self, campaign: str, segment: str) -> Schedule:
        """Likewise; what is overdue stays counted as it is."""
        hours, days = ([span.only(campaign, segment) for span in spans] for spans in (self.hours, self.days))
        return Schedule(hours=hours, days=days, overdue=self.overdue)

    def series(self, spans: Iterable[Span]) -> list[tuple[str, str]]:
        """The campaigns and segments that occur, in order."""
        return sorted({key for span in spans for key in span.mails})


def planned_times(people: Iterable[ListedPerson], cadences: Mapping[str, Cadence]) -> list[tuple[int, str, str]]:
    """
    (when, campaign, segment) of each step that is still to come, of everybody under way whose campaign is played.

    The next one at the time that it is planned for, the others by the calendar of the campaign: what a gap, a window
    or a skipped step changes is not foreseen.
    """
    offsets = {key: {step: cadence.offset_ms(step) for step in cadence.steps} for key, cadence in cadences.items()}
    later = {
        key: {step: [each[after] for after in cadences[key].after(step)] for step in each}
        for key, each in offsets.items()
    }
    found = []
    for person in people:
        due_ms, step = person.next_due_ms, person.next_step
        if person.status != "active" or step is None or due_ms is None or person.campaign not in later:
            continue
        campaign, segment, anchor_ms = person.campaign, person.segment, person.signed_up_ms
        found.append((due_ms, campaign, segment))
        found += [(anchor_ms + offset_ms, campaign, segment) for offset_ms in later[campaign].get(step, ())]
    return found


async def reminder_times(ledger: Ledger, *, now_ms: int, until_ms: int) -> list[tuple[int, str, str]]:
    """Likewise of reminders of calls."""
    found: Any = await ledger.client.zrange(keys.OPEN, 0, until_ms, byscore=True, withscores=True)
    return [(int(at_ms), "", REMINDERS) for name, at_ms in found if name.startswith(b"bkg_")]


def schedule_of(times: Iterable[tuple[int, str, str]], *, now_ms: int) -> Schedule:
    """The next 24 hours, beginning with this one, and the next 14 days, beginning with today, UTC."""
    first, today = now_ms // HOUR_MS, now_ms // DAY_MS
    counted: Counter[tuple[int, str, str]] = Counter()
    overdue = 0
    for at_ms, campaign, segment in times:
        if at_ms < now_ms:
            overdue += 1
        else:
            counted[at_ms // HOUR_MS, campaign, segment] += 1
    by_hour: dict[int, Counter[tuple[str, str]]] = {first + n: Counter() for n in range(24)}
    by_day: dict[int, Counter[tuple[str, str]]] = {today + n: Counter() for n in range(14)}
    for (hour, campaign, segment), number in counted.items():
        if hour in by_hour:
            by_hour[hour][campaign, segment] += number
        if (day := hour * HOUR_MS // DAY_MS) in by_day:
            by_day[day][campaign, segment] += number
    return Schedule(hours=_spans(by_hour, HOUR_MS), days=_spans(by_day, DAY_MS), overdue=overdue)


def _spans(counted: Mapping[int, Counter[tuple[str, str]]], size: int) -> list[Span]:
    return [
        Span(from_ms=place * size, until_ms=(place + 1) * size, mails=dict(mails)) for place, mails in counted.items()
    ]
