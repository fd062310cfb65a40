"""Formats numbers, amounts, plurals, lists, days and hours in one language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from unicodedata import bidirectional
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError, get_global
from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.numbers import parse_pattern

from common.campaigns.strings import Strings
from common.domain.windows import zone_named

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_OF_24_HOURS = "HH:mm"
_QUOTED = re.compile("'[^']*'")
_PLURALS_SEEN = range(200)
"""Whole numbers among which every plural form that a mail needs occurs, in every language."""


class Language:
    """
    A language. `tag`: such as `fr-CA`. `currency`: ISO 4217. Formats come from CLDR, except where the strings define
    their own.
    """

    def __init__(self, tag: str, strings: Strings, currency: str) -> None:
        self.tag, self.strings = tag, strings
        self.locale = Locale.parse(tag, sep="-")
        self.direction = "rtl" if self.locale.text_direction == "rtl" else "ltr"
        self.plural_forms = frozenset(self.locale.plural_form(number) for number in _PLURALS_SEEN)
        self._currency = currency
        standard = str(self.locale.currency_formats["standard"].pattern)
        self._money = parse_pattern(standard.replace(".00", ""))
        self._decimal = str(self.locale.number_symbols["latn"]["decimal"])

    def number(self, value: int | float) -> str:
        """Return `62` or `62.5`, with at most one decimal. Raises ValueError for NaN and infinity."""
        return f"{_rounded(value, '0.1'):f}".removesuffix(".0").replace(".", self._decimal)

    def money(self, value: int | float) -> str:
        """Return a whole amount: `$4,200`, `4 200 $`. Raises ValueError for NaN and infinity."""
        amount = _rounded(value, "1")
        return str(self._money.apply(amount, self.locale, currency=self._currency, currency_digits=False))

    def counted(self, value: int, noun: str | None = None, /, **forms: str) -> str:
        """
        Return a number with its noun: `one red system`, `trois systèmes rouges`.

        `forms`: the noun in each plural form of the language, such as `one` and `other`. In English `noun` is enough:
        an s makes its plural. Raises ValueError when a form is missing.
        """
        if noun is not None:
            forms = {"one": noun, "other": f"{noun}s", **forms}
        if missing := sorted(self.plural_forms - set(forms)):
            raise ValueError(f"counted: no form for {', '.join(missing)}; name each: counted(one=…, other=…)")
        words = self.strings.numbers.words
        number = words[value] if 0 <= value < len(words) else self.number(value)
        return f"{number} {forms[self.locale.plural_form(value)]}"

    def listed(self, names: Sequence[str]) -> str:
        """Return the names as a list in words: `A, B and C`."""
        return format_list(list(names), locale=self.locale)

    def isolated(self, text: str) -> str:
        """In a right-to-left language, isolate a Latin text, so that it does not change the direction around it."""
        is_latin = self.direction == "rtl" and any(bidirectional(character) == "L" for character in text)
        if not is_latin or text.startswith(("https://", "http://")):
            return text
        return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"

    def short_date(self, day: date) -> str:
        """Return `December 15`."""
        return format_date(day, self._for_day(self.strings.dates.date, day), locale=self.locale)

    def day(self, start: datetime, timezone: str | None) -> str:
        """Return `Thursday, December 4`, on the reader's clock. Raises ValueError if `start` is naive."""
        local, _ = _local(start, timezone)
        return format_date(local.date(), self._for_day(self.strings.dates.day, local), locale=self.locale)

    def time(self, start: datetime, timezone: str | None, reader: str | None = None) -> str:
        """
        Return `9:00 a.m. on Thursday, December 4 (Toronto time)`, in UTC when the zone is unknown.

        `reader`: as in `hour`. Raises ValueError if `start` is naive.
        """
        local, zone = _local(start, timezone)
        return self.strings.dates.time.format(
            hour=self._hour(local, reader), day=self.day(start, timezone), clock=self._clock(local, zone)
        )

    def hour(self, start: datetime, timezone: str | None, reader: str | None = None) -> str:
        """
        Return `9:00 a.m.` on the reader's clock, or `2:00 p.m. UTC` when the zone is unknown. Raises as `time`.

        `reader`: the reader's own locale; a reader in London, for example, gets `14:00`.
        """
        local, zone = _local(start, timezone)
        return self._hour(local, reader) if zone else f"{self._hour(local, reader)} UTC"

    def _hour(self, local: datetime, reader: str | None) -> str:
        dates = self.strings.dates
        pattern = dates.hour_minutes if local.minute else dates.hour
        if not _counts_to_24(pattern) and _counts_to_24(_short_time(reader)):
            pattern = _OF_24_HOURS
        return format_datetime(local, pattern, locale=self.locale)

    def _for_day(self, pattern: str, day: date) -> str:
        first = self.strings.dates.first_of_month
        return pattern.replace("d", f"'{first}'") if day.day == 1 and first != "1" else pattern

    def _clock(self, local: datetime, zone: ZoneInfo | None) -> str:
        """Return `Toronto time` or `heure de Paris`, or an offset for a zone without a place (`EST`, `Etc/GMT+5`)."""
        area, _, place = (zone.key if zone else "").rpartition("/")
        generic = self._generic_name(zone.key) if zone else None
        pattern = self.strings.dates.clock
        if area not in ("", "Etc") and ("{generic}" not in pattern or generic):
            return pattern.format(place=place.replace("_", " "), generic=generic)
        minutes = int((local.utcoffset() or timedelta()).total_seconds() // 60)
        sign, (hours, rest) = "+" if minutes > 0 else "-", divmod(abs(minutes), 60)
        return "UTC" if minutes == 0 else f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")

    def _generic_name(self, key: str) -> str | None:
        """Return the zone's name that holds all year, None if CLDR has none in this language."""
        names = self.locale.meta_zones.get(get_global("meta_zones").get(key), {}).get("long", {})
        return names.get("generic") or (None if "daylight" in names else names.get("standard"))


@lru_cache(maxsize=256)
def _short_time(tag: str | None) -> str:
    """Return a locale's pattern of a short time; "" if CLDR does not know the locale."""
    try:
        return str(Locale.parse(tag or "", sep="-").time_formats["short"].pattern)
    except (ValueError, UnknownLocaleError):
        return ""


def _counts_to_24(pattern: str) -> bool:
    return "H" in _QUOTED.sub("", pattern)


def _local(start: datetime, timezone: str | None) -> tuple[datetime, ZoneInfo | None]:
    if start.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    zone = zone_named(timezone)
    return start.astimezone(zone or UTC), zone


def _rounded(value: int | float, places: str) -> Decimal:
    exact = Decimal(str(value))
    if not exact.is_finite():
        raise ValueError("not a finite number")
    return exact.quantize(Decimal(places), ROUND_HALF_UP)
