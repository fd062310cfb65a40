"""
The words that the program adds to a campaign's texts, in one language.

What most campaigns share comes with Advent (`shared/languages/`); a campaign's own `strings.toml` names what differs.
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
    """`link_text`: a link in the text part. `unsubscribe` is the link in the HTML part, and the rest follows it."""

    series: str
    reminder_series: str
    unsubscribe: str
    unsubscribe_rest: str
    unsubscribe_text: str
    link_text: str


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class FooterStrings:
    """Why a person gets this mail, said in each. The default is of versions from before there were follow-ups."""

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
    """`row`: a line of the text part."""

    row: str
    colours: Mapping[str, ColourStrings]


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class NumberStrings:
    """`words`: zero, one, two and so on; further numbers are written in digits."""

    words: tuple[str, ...] = ()


@with_config(_STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class DateStrings:
    """
    `date`, `day`, `hour`, `hour_minutes`: patterns of Unicode's LDML (UTS 35).

    `clock`: `{place}` is the city of a time zone, `{generic}` the zone's name in this language. `first_of_month`: how
    a 1 is written.
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
    """The page behind the link."""

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
    Of the calendar file of a call, and the pages that are shown instead of it.

    `summary`: what the call is called. The defaults are of versions that were applied before these texts existed.
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
    `campaign_name`: as readers see it. `sender_name`: where the settings' name is not of this language; `signature`: a
    line under it.
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
"""What may stand in braces in each; in all others nothing may."""


def wrong_placeholder(strings: Strings) -> tuple[str, str] | None:
    """The place of a string with a brace that would not be filled in, and what is wrong with it."""
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
    The place of a string that the files leave out although readers would see it in English.

    Its default is only for versions that were applied before there was such a string.
    """
    for table, kind in (("footer", FooterStrings), ("calendar", CalendarStrings)):
        for field in fields(kind):
            if field.name not in data.get(table, {}):
                return table, field.name
    return None


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`own` over `base`, table by table."""
    result = dict(base)
    for name, value in own.items():
        under = base.get(name)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        result[name] = merged(under, value) if both and isinstance(under, Mapping) else value
    return result
