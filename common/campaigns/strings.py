"""
The words that Advent adds to a campaign's texts, in one language.

The words that most campaigns share are in `shared/languages/`; a campaign's own `strings.toml` overrides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from string import Formatter
from typing import Any

from pydantic import ConfigDict, with_config

_STRICT = ConfigDict(extra="forbid", str_min_length=1)


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStrings:
    """
    The words of the frame around a mail. `link_text`: the pattern of a link in the text part. `unsubscribe`: the link
    in the HTML part; `unsubscribe_rest` follows it.
    """

    series: str
    reminder_series: str
    unsubscribe: str
    unsubscribe_rest: str
    unsubscribe_text: str
    link_text: str


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class FooterStrings:
    """
    The sentence in each mail that says why the contact gets it. The default is for versions from before there were
    follow-ups.
    """

    emails: str
    reminders: str
    follow_ups: str = "You are getting this email because you booked a call with us."


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ColourStrings:
    label: str
    meaning: str


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreboardStrings:
    """The words of the scoreboard. `row`: the pattern of a line in the text part."""

    row: str
    colours: Mapping[str, ColourStrings]


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class NumberStrings:
    """The words for numbers. `words`: for zero, one, two and so on; larger numbers are written in digits."""

    words: tuple[str, ...] = ()


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class DateStrings:
    """
    The formats of dates and times.

    `date`, `day`, `hour`, `hour_minutes`: patterns of Unicode's LDML (UTS 35). `clock`: `{place}` is the city of a time
    zone, `{generic}` the zone's name in this language. `first_of_month`: the form of the day 1.
    """

    date: str
    day: str
    hour: str
    hour_minutes: str
    time: str
    clock: str
    first_of_month: str = "1"


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeStrings:
    """The texts of the page behind the unsubscribe link."""

    ask_title: str
    ask_text: str
    ask_series_button: str
    ask_series_note: str
    ask_all_button: str
    ask_all_note: str
    already_title: str
    already_text: str
    done_series_title: str
    done_series_text: str
    done_all_title: str
    done_all_text: str
    unknown_title: str
    unknown_text: str
    unavailable_title: str
    unavailable_text: str


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarStrings:
    """
    The texts of a call's calendar file, and of the pages shown when the file is not available.

    `summary`: the title of the call. The defaults are for versions that were applied before these texts existed.
    """

    summary: str = "Call with {sender}"
    gone_title: str = "This call is no longer in our calendar"
    gone_text: str = "It was cancelled or moved. If you booked another time, it is in your booking confirmation."
    unknown_title: str = "This link does not work"
    unknown_text: str = (
        "It may have been cut off on its way. Please open the link in the email again, or copy all of it."
    )
    unavailable_title: str = "One moment, please"
    unavailable_text: str = "We cannot read our calendar just now. Please try again in a minute."


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Strings:
    """
    All words in one language.

    `campaign_name`: the name that readers see. `sender_name`: replaces the sender's name from the settings in this
    language. `signature`: a line under the sender's name.
    """

    campaign_name: str
    frame: FrameStrings
    footer: FooterStrings
    scoreboard: ScoreboardStrings
    numbers: NumberStrings
    dates: DateStrings
    unsubscribe_page: UnsubscribeStrings
    calendar: CalendarStrings = CalendarStrings()
    sender_name: str | None = None
    signature: str | None = None


_PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "frame.series": frozenset({"campaign", "step", "steps"}),
    "frame.unsubscribe_text": frozenset({"unsubscribe_url"}),
    "frame.link_text": frozenset({"label", "url"}),
    "scoreboard.row": frozenset({"label", "count", "meaning"}),
    "dates.time": frozenset({"hour", "day", "clock"}),
    "dates.clock": frozenset({"place", "generic"}),
    "unsubscribe_page.ask_series_note": frozenset({"campaign"}),
    "calendar.summary": frozenset({"sender"}),
}
"""The placeholders that each of these strings may contain in braces; all other strings may contain none."""


def wrong_placeholder(strings: Strings) -> tuple[str, str] | None:
    """Return the place of the first string with an invalid placeholder, and the problem; None if all are valid."""
    for place, text in _texts(strings, ""):
        known = _PLACEHOLDERS.get(place, frozenset())
        try:
            names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        except ValueError as error:
            return place, f"{error}; write a brace as {{{{ or }}}}"
        if unknown := sorted(names - known):
            there = ", ".join(f"{{{name}}}" for name in sorted(known)) or "none"
            return place, f"unknown placeholder {{{unknown[0]}}}; there are: {there}"
    return None


def _texts(value: Any, place: str) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(place, value)]
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if not isinstance(value, Mapping):
        return []
    return [found for name, part in value.items() for found in _texts(part, f"{place}.{name}".lstrip("."))]


def untranslated(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """
    Return the place of a string that the files lack, so that readers would see its English default; None if there is
    none. The default is only for versions that were applied before the string existed.
    """
    for table, kind in (("footer", FooterStrings), ("calendar", CalendarStrings)):
        for field in fields(kind):
            if field.name not in data.get(table, {}):
                return table, field.name
    return None


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the values of `own` on top, table by table."""
    result = dict(base)
    for name, value in own.items():
        under = base.get(name)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        result[name] = merged(under, value) if both and isinstance(under, Mapping) else value
    return result
