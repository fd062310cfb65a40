"""Checks whether the values of a manifest fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from common.campaigns.compiled import Field
from common.campaigns.fields import COLUMN_KINDS, usable
from common.campaigns.manifest import Manifest, SpanEntry
from common.campaigns.rules import RuleError, read_rule
from common.campaigns.suggestion import suggestion
from common.campaigns.windows import holidays_of
from common.domain.contact import Assessment
from common.domain.projection import USED_COLUMNS

Problem = tuple[tuple[str | int, ...], str]
"""A place in the manifest, and the problem there."""

RESERVED = frozenset(
    {"email", "phone", "timezone", "locale", "consent_text", "consent_source", "consent_at", "visitor", "sms_consent"}
)
"""The fields that every signup may contain; a campaign must not declare them."""
VARIABLES = frozenset({"segment", "scoreboard", "rated", "booking_url", "sender_name", "placeholders"})
"""The variables that exist in every campaign."""


_OF_ASSESSMENTS = frozenset(field.name for field in fields(Assessment))


def problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield the problems, roughly in the order of the file; the first one is reported."""
    if manifest.default_language not in manifest.languages:
        yield ("default_language",), f"not one of the languages; there are: {', '.join(manifest.languages)}"
    if manifest.opens and manifest.closes and manifest.closes < manifest.opens:
        yield ("closes",), "earlier than opens; write a later day"
    yield from _fields(manifest)
    yield from _fields_named(manifest)
    yield from _columns(manifest)
    yield from _segments(manifest)
    yield from _steps(manifest)
    yield from _times(manifest)
    reminders = [entry.name for entry in manifest.reminders]
    yield from _twice(("reminders", "name"), reminders)
    yield from _follow_ups(manifest, reminders)
    yield from _window(manifest)


def _fields(manifest: Manifest) -> Iterator[Problem]:
    taken = {*VARIABLES, *manifest.systems, *manifest.weeks}
    for name, entry in manifest.fields.items():
        if name in RESERVED:
            yield ("fields", name), "every signup can contain this field already; remove it"
        variable = entry.variable or name
        if variable in taken:
            yield ("fields", name), f"the variable {variable!r} is already in use; choose another with variable = …"
        taken.add(variable)
        for part in ("default", "example"):
            value = getattr(entry, part)
            if value is not None and usable(entry.field(name), value) is None:
                yield ("fields", name, part), "wrong type, or out of the field's bounds; correct it"
    if "first_name" not in manifest.fields:
        yield ("fields",), "first_name is missing; add it, because every greeting uses it"


def _fields_named(manifest: Manifest) -> Iterator[Problem]:
    """Check the fields that `[systems]` and `[scoreboard]` name."""
    board = manifest.scoreboard
    named: list[tuple[tuple[str | int, ...], str, str]] = [
        (("systems", variable), field, "text") for variable, of in manifest.systems.items() for field in of
    ]
    named += [
        (("scoreboard", "counts", colour), field, "integer")
        for colour, field in (board.counts if board else {}).items()
    ]
    if board and board.scores:
        named.append((("scoreboard", "scores"), board.scores, "scores"))
    for place, name, kind in named:
        entry = manifest.fields.get(name)
        if entry is None:
            yield place, f"unknown field {name!r}; {suggestion(name, manifest.fields)}"
        elif entry.type != kind:
            yield place, f"{name} is of type {entry.type}; choose a field of type {kind}"


def _columns(manifest: Manifest) -> Iterator[Problem]:
    """Check the columns of the campaign's own fields. The fields of an assessment have fixed columns."""
    taken = {name.lower() for name in (*USED_COLUMNS, *(str(step.notion_column) for step in manifest.steps))}
    for name, column in manifest.notion.fields.items():
        place, entry = ("notion", "fields", name), manifest.fields.get(name)
        if entry is None:
            yield place, f"unknown field {name!r}; {suggestion(name, manifest.fields)}"
        elif name in _OF_ASSESSMENTS:
            yield place, "this field of the assessment cannot have a column of its own; remove it"
        elif entry.type not in COLUMN_KINDS:
            yield place, f"a field of type {entry.type} cannot have a column; remove it"
        if column.lower() in taken:
            yield place, f"the column {column!r} is already in use; choose another"
        taken.add(column.lower())


def _segments(manifest: Manifest) -> Iterator[Problem]:
    fields = {name: entry.field(name) for name, entry in manifest.fields.items()}
    yield from _twice(("segments", "name"), [entry.name for entry in manifest.segments])
    last = len(manifest.segments) - 1
    for number, entry in enumerate(manifest.segments):
        place = ("segments", number, "when")
        if number == last and entry.when is not None:
            yield place, "the last segment takes the rest and has no rule; remove the rule, or add a segment after it"
        elif number < last and entry.when is None:
            yield ("segments", number), "when: missing; add a rule, or move it to the end"
        elif entry.when is not None:
            try:
                read_rule(entry.when, fields)
            except RuleError as error:
                yield place, str(error)
    yield from _examples(manifest, fields)


def _examples(manifest: Manifest, fields: Mapping[str, Field]) -> Iterator[Problem]:
    """Check that each example belongs to its segment; otherwise its preview would show a mail that nobody gets."""
    for number, entry in enumerate(manifest.segments):
        for name, value in entry.example.items():
            if name not in fields:
                yield ("segments", number, "example"), f"unknown field {name!r}; {suggestion(name, fields)}"
            elif usable(fields[name], value) is None:
                yield ("segments", number, "example"), f"{name}: wrong type, or out of the field's bounds; correct it"
        found = _segment_of(entry.example, manifest, fields)
        if entry.example and found != entry.name:
            yield ("segments", number, "example"), f"this contact is in segment {found}, not {entry.name}; correct it"


def _segment_of(values: Mapping[str, object], manifest: Manifest, fields: Mapping[str, Field]) -> str:
    """Return the segment of these values. All rules must be valid."""
    *rules, rest = manifest.segments
    return next((entry.name for entry in rules if read_rule(entry.when or "", fields).holds(values)), rest.name)


def _steps(manifest: Manifest) -> Iterator[Problem]:
    names = [segment.name for segment in manifest.segments]
    yield from _twice(("steps", "id"), [entry.id for entry in manifest.steps])
    yield from _twice(("steps", "name"), [entry.name for entry in manifest.steps])
    for number, entry in enumerate(manifest.steps):
        place = ("steps", number, "body")
        reported = names if isinstance(entry.body, str) else list(entry.body)
        if missing := [name for name in names if name not in reported]:
            yield place, f"no file for segment{'s' if len(missing) > 1 else ''} {', '.join(missing)}; add it"
        if unknown := [name for name in reported if name not in names]:
            yield place, f"unknown segment {unknown[0]!r}; {suggestion(unknown[0], names)}"
        if entry.needs is not None and entry.needs not in [step.id for step in manifest.steps[:number]]:
            yield ("steps", number, "needs"), f"{entry.needs!r} is not the id of an earlier step; correct it"
        if entry.notion_column is None:
            yield ("steps", number), "column: missing; add it: only the ids step-1, step-2 … have a default one"
    yield from _twice(("steps", "column"), [str(entry.notion_column) for entry in manifest.steps])


def _times(manifest: Manifest) -> Iterator[Problem]:
    """Check that each step is due at least the minimum gap after the one before, in both modes."""
    for mode in ("production", "testing"):
        gap = _ms(manifest.minimum_gap, mode)
        for number, (earlier, later) in enumerate(zip(manifest.steps, manifest.steps[1:], strict=False), 1):
            distance = _ms(later.after, mode) - _ms(earlier.after, mode)
            if distance <= 0 or distance < gap:
                yield (
                    ("steps", number, "after", mode),
                    f"{distance // 1000} s after the step before; make it at least {max(gap // 1000, 1)} s",
                )


def _follow_ups(manifest: Manifest, reminders: list[str]) -> Iterator[Problem]:
    yield from _twice(("follow_ups", "name"), [entry.id for entry in manifest.follow_ups])
    for number, entry in enumerate(manifest.follow_ups):
        if entry.id in reminders:
            yield ("follow_ups", number, "name"), f"{entry.id!r} is also a reminder's name; change one"


def _window(manifest: Manifest) -> Iterator[Problem]:
    window = manifest.sending_window
    if window is None or window.holidays is None:
        return
    try:
        holidays_of(window.holidays)
    except LookupError:
        place = ("sending_window", "holidays")
        yield place, f"no holidays are known for {window.holidays!r}; write a country or region, such as CA or CA-ON"


def _ms(span: SpanEntry, mode: str) -> int:
    return span.production if mode == "production" else span.testing


def _twice(place: tuple[str, str], names: list[str]) -> Iterator[Problem]:
    table, key = place
    for number, name in enumerate(names):
        if name in names[:number]:
            yield (table, number, key), f"{name!r} is used twice; change one"
