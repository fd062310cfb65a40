"""A campaign's sending window, with holidays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

from common.campaigns.compiled import SendingWindow
from common.domain.windows import Window

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def window_of(window: SendingWindow) -> Window:
    """Return the window with its holidays. Raises LookupError for an unknown region."""
    closed = {"is_holiday": holidays_of(window.holidays)} if window.holidays else {}
    return Window(
        opens_minute=window.opens_minute,
        closes_minute=window.closes_minute,
        weekdays=frozenset(window.weekdays),
        **closed,
    )


@cache
def holidays_of(region: str) -> Callable[[date], bool]:
    """Return a test for public holidays in a region such as `CA-ON` or `DE`. Raises LookupError if it is unknown."""
    import holidays  # Here, so that a process whose campaigns have no holidays does not load it.

    country, _, subdivision = region.partition("-")
    try:
        calendar = holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError as error:
        raise LookupError(str(error)) from None
    return calendar.__contains__


def window_in_words(window: SendingWindow | None) -> str:
    """Return the window in words: `Mon Tue Wed Thu Fri 08:00-19:00, not on holidays of CA-ON`."""
    if window is None:
        return "at any hour"
    days = " ".join(_WEEKDAYS[day] for day in window.weekdays)
    opens, closes = (f"{m // 60:02}:{m % 60:02}" for m in (window.opens_minute, window.closes_minute))
    holidays = f", not on holidays of {window.holidays}" if window.holidays else ""
    return f"{days} {opens}-{closes}{holidays}"
