"""Weeks of a year that e-mails count towards, such as that of the rush before Christmas."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from common.campaigns.compiled import Week

_PASSED = timedelta(weeks=8)
"""For so long a week is the one that was; after that it is the one to come."""


@dataclass(frozen=True, slots=True)
class WeekAhead:
    """`monday`: its first day. `weeks_left`: from the week of the mail; 0 in the week itself, negative after it."""

    monday: date
    weeks_left: int

    def after(self, weeks: int) -> date:
        """The Monday so many weeks later, or earlier."""
        return self.monday + timedelta(weeks=weeks)


def week_ahead(week: Week, today: date) -> WeekAhead:
    """`today`: the day of the mail, where its reader is."""
    years = (date(today.year + offset, week.month, week.day) for offset in (-1, 0, 1))
    monday = next(_monday(day) for day in years if day >= today - _PASSED)
    return WeekAhead(monday, (monday - _monday(today)).days // 7)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
