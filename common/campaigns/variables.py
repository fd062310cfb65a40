"""What a mail of a campaign may say of one person: the variables of bodies, and their values."""

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
"""The field whose text must also be short enough to be a name."""

_SYSTEM = frozenset(field.name for field in fields(System))
_WEEK = frozenset(field.name for field in fields(WeekAhead)) - {"monday"}
_NONE: frozenset[str] = frozenset()


def email_variables(campaign: CompiledCampaign) -> Mapping[str, frozenset[str]]:
    """The variables that bodies may use, each with the fields that may follow a dot."""
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
    The values of `email_variables` for one person; what was not given is `Absent`.

    `today`: the day of the mail, where its reader is; None: not known, and no week can be counted from it.
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
    """Each colour and its number."""
    return {colour: _whole(reported(person, field)) for colour, field in board.counts}


def _printed(campaign: CompiledCampaign) -> list[Field]:
    """The fields that bodies know themselves: not those that name a system, and no objects."""
    looked_up = {name for one in campaign.systems for name in one.fields}
    return [field for field in campaign.fields if field.name not in looked_up and field.type != "scores"]


def _systems(campaign: CompiledCampaign, person: Person, book: SystemBook) -> dict[str, object]:
    """A system is named once, by the first variable that it fits."""
    values: dict[str, object] = {}
    for one in campaign.systems:
        named = (book.named(_text(reported(person, field))) for field in one.fields)
        found = next((system for system in named if system and system not in values.values()), None)
        values[one.variable] = or_absent(one.variable, found)
    return values


def _named_by_scores(board: Scoreboard, person: Person, book: SystemBook, language: Language) -> Mapping[str, object]:
    """
    The systems of the first colour in words: as many of the lowest scores as that colour has.

    Absent where a tie leaves open which they are: none is to be named wrongly.
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
    """The value given, if it may be shown and is of the type that the field has by now; else its default."""
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
    # Less than one would be printed as $0.
    return None if field.type == "money" and value < 1 else value


def _usable(field: Field, value: object) -> object | None:
    """Filtered here too, and not only at the endpoint: what an earlier version stored was not."""
    if field.type == "text" and isinstance(value, str):
        return name_if_usable(value) if field.name == FIRST_NAME else if_usable(value)
    if field.shown_maximum is not None and isinstance(value, int | float) and value > field.shown_maximum:
        return None
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
