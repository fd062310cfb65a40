"""Weeks to which mails count down, such as the rush before Christmas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from common.campaigns.compiled import Week

_PASSED = timedelta(weeks=8)
"""For this long after its day, a week means the past one; after that, next year's."""


@dataclass(frozen=True, slots=True)
class WeekAhead:
    """
    A week, seen from the date of a mail. `monday`: its first day. `weeks_left`: weeks from the mail until then; 0 in
    the week itself, negative after it.
    """

    monday: date
    weeks_left: int

    def after(self, weeks: int) -> date:
        """Return the Monday this many weeks later; negative: earlier."""
        return self.monday + timedelta(weeks=weeks)


def week_ahead(week: Week, today: date) -> WeekAhead:
    """Return the week as seen from `today`, the date of the mail in the reader's time zone."""
    years = (date(today.year + offset, week.month, week.day) for offset in (-1, 0, 1))
    monday = next(_monday(day) for day in years if day >= today - _PASSED)
    return WeekAhead(monday, (monday - _monday(today)).days // 7)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
