"""The variables that the bodies of steps may use, and their values for one contact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date

from common.campaigns import wording
from common.campaigns.compiled import CompiledCampaign, Field, Scoreboard
from common.campaigns.facts import Identity, or_absent, web_address
from common.campaigns.language import Language
from common.campaigns.markdown import component
from common.campaigns.rules import Person, reported
from common.campaigns.systems import System, SystemBook
from common.campaigns.templates import Choice
from common.campaigns.weeks import WeekAhead, week_ahead
from common.normalization.text import if_usable, name_if_usable

SCOREBOARD = "scoreboard"
FIRST_NAME = "first_name"
"""The field whose text must also be short enough for a name."""

_SYSTEM = frozenset(field.name for field in fields(System))
_WEEK = frozenset(field.name for field in fields(WeekAhead)) - {"monday"}
_NONE: frozenset[str] = frozenset()


def email_variables(campaign: CompiledCampaign) -> Mapping[str, frozenset[str]]:
    """Return the variables that bodies may use, each with the fields that may follow a dot."""
    names = [field.variable for field in _printed(campaign)]
    names += ["segment", "booking_url", "sender_name", *(("rated", SCOREBOARD) if campaign.scoreboard else ())]
    if campaign.scoreboard and campaign.scoreboard.scores:
        names.append(campaign.scoreboard.names_variable)
    weeks = dict.fromkeys((week.variable for week in campaign.weeks), _WEEK)
    return {**dict.fromkeys(names, _NONE), **{one.variable: _SYSTEM for one in campaign.systems}, **weeks}


def email_values(
    campaign: CompiledCampaign,
    person: Person,
    *,
    segment: str,
    book: SystemBook,
    language: Language,
    identity: Identity,
    today: date | None,
) -> dict[str, object]:
    """
    Return the values of `email_variables` for one person; a value that was not given is `Absent`.

    `today`: the date of the mail in the reader's time zone; None: unknown, and then weeks are absent.
    """
    values = {field.variable: or_absent(field.variable, _value(field, person)) for field in _printed(campaign)}
    values |= _systems(campaign, person, book)
    if campaign.scoreboard:
        rated = sum(counts(campaign.scoreboard, person).values())
        values |= {"rated": rated, SCOREBOARD: or_absent(SCOREBOARD, component(SCOREBOARD) if rated else None)}
        values |= _named_by_scores(campaign.scoreboard, person, book, language)
    values |= {
        week.variable: or_absent(week.variable, week_ahead(week, today) if today else None) for week in campaign.weeks
    }
    return values | {
        "segment": Choice(segment),
        "booking_url": web_address("BOOKING_URL", identity.booking_url),
        "sender_name": identity.sender_name,
    }


def counts(board: Scoreboard, person: Person) -> Mapping[str, int]:
    """Return the number of systems for each colour."""
    return {colour: _whole(reported(person, field)) for colour, field in board.counts}


def _printed(campaign: CompiledCampaign) -> list[Field]:
    """Return the fields that are variables themselves: all but those that name a system, and scores."""
    looked_up = {name for one in campaign.systems for name in one.fields}
    return [field for field in campaign.fields if field.name not in looked_up and field.type != "scores"]


def _systems(campaign: CompiledCampaign, person: Person, book: SystemBook) -> dict[str, object]:
    """Return the variables of systems. Each system is the value of one variable only, the first that it fits."""
    values: dict[str, object] = {}
    for one in campaign.systems:
        named = (book.named(_text(reported(person, field))) for field in one.fields)
        found = next((system for system in named if system and system not in values.values()), None)
        values[one.variable] = or_absent(one.variable, found)
    return values


def _named_by_scores(board: Scoreboard, person: Person, book: SystemBook, language: Language) -> Mapping[str, object]:
    """
    Return the names of the systems of the first colour: as many of the lowest scores as that colour counts.

    The value is absent when a tie leaves open which systems these are, so that no wrong one is named.
    """
    if board.scores is None:
        return {}
    found = reported(person, board.scores)
    scores = found if isinstance(found, Mapping) else {}
    number = _whole(reported(person, board.counts[0][1]))
    ordered = sorted(scores.items(), key=lambda pair: pair[1])
    is_open = len(ordered) > number > 0 and ordered[number - 1][1] == ordered[number][1]
    systems = [book.named(name) for name, _ in ordered[:number]] if number <= len(ordered) and not is_open else []
    names = [system.name for system in systems if system]
    return {board.names_variable: or_absent(board.names_variable, language.listed(names) if names else None)}


def _value(field: Field, person: Person) -> object | None:
    """Return the value if it may be shown and fits the field's present type, otherwise the default."""
    value = _usable(field, reported(person, field.name))
    if value is None or value == "":
        value = field.default
    if field.type == "text":
        return wording.clean(_text(value) or "")
    if field.type == "choice":
        return Choice(value) if isinstance(value, str) and value in field.choices else None
    if field.type == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An amount below 1 could be printed as $0.
    return None if field.type == "money" and value < 1 else value


def _usable(field: Field, value: object) -> object | None:
    """Return the value if it may be shown. The endpoint filters too, but older versions stored unfiltered values."""
    if field.type == "text" and isinstance(value, str):
        return name_if_usable(value) if field.name == FIRST_NAME else if_usable(value)
    if field.shown_maximum is not None and isinstance(value, int | float) and value > field.shown_maximum:
        return None
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
