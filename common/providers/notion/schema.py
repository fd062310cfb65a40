"""The columns of the two databases, and the matching properties of a real database: found by name, used by id."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from common.domain.projection import STEP_COLUMNS, CampaignColumns, Row, Value
from common.providers.notion.values import encoded

_LIKENESS_MIN = 0.5

Cells = dict[str, dict[str, Any]]
"""Property values by property id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One of our databases. `columns`, `optional`: types by name; optional ones only serve an exact rebuild."""

    key: str
    title: str
    setting: str
    columns: Mapping[str, str]
    optional: Mapping[str, str]

    @property
    def address(self) -> str:
        return next(name for name, kind in self.columns.items() if kind == "email")


SEQUENCE = Database(
    key="sequence",
    title="Email Sequence",
    setting="NOTION_EMAIL_SEQUENCE_DB_ID",
    columns={
        "Email": "email",
        "First Name": "rich_text",
        "Business Name": "rich_text",
        "Assessment Score": "number",
        "Red Systems": "number",
        "Orange Systems": "number",
        "Yellow Systems": "number",
        "Green Systems": "number",
        "Campaign": "select",
        "Segment": "select",
        "Signup Date": "date",
        **{f"Email {step} Sent": "date" for step in range(1, STEP_COLUMNS + 1)},
        "Assessment Completed": "checkbox",
        "Sequence Completed": "checkbox",
    },
    optional={
        "Enrollment ID": "rich_text",
        "Time Zone": "rich_text",
        "Weakest System 1": "rich_text",
        "Weakest System 2": "rich_text",
        "Gps Score": "number",
        "Money Score": "number",
        "Revenue Leak": "number",
        "Exit Reason": "select",
        "Consent": "rich_text",
        "Language": "select",
        "Phone": "phone_number",
    },
)

CONTACT = Database(
    key="contact",
    title="BusinessX Canada",
    setting="NOTION_BUSINESSX_DB_ID",
    columns={
        "email": "email",
        "Assessment Score": "number",
        "Segment": "select",
        "Christmas Campaign Status": "select",
        "Booking Status": "select",
        "Diagnostic Call Date": "date",
    },
    optional={"SMS Answer": "rich_text"},
)


def databases(campaigns: Collection[CampaignColumns]) -> tuple[Database, Database]:
    """Return both databases, with the columns of these campaigns."""
    steps = {column: "date" for campaign in campaigns for column in campaign.steps.values()}
    own = {one.name: one.kind for campaign in campaigns for one in campaign.fields.values()}
    statuses = {campaign.status: "select" for campaign in campaigns}
    usual = {name: kind for name, kind in CONTACT.columns.items() if name != CampaignColumns(name="").status}
    sequence = replace(SEQUENCE, columns={**SEQUENCE.columns, **steps}, optional={**SEQUENCE.optional, **own})
    return sequence, replace(CONTACT, columns={**usual, **statuses})


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """
    The columns of a `Database` that a real data source has.

    `ids`: property id by our column name, for columns of the right type. `kinds`: type by property id. `missing`: type
    by column name, optional ones included; `advent check --fix` adds them. `problems`: one line each, with its cure.
    """

    data_source_id: str
    title_id: str
    ids: Mapping[str, str]
    kinds: Mapping[str, str]
    missing: Mapping[str, str]
    problems: tuple[str, ...]

    def cells(self, row: Row) -> Cells:
        besides = [more for column, more in row.if_lacking.items() if column not in self.ids]
        cells = self._cells({name: value for values in (row.values, *besides) for name, value in values.items()})
        return cells | ({} if row.keeps_title else self._title(row))

    def cells_if_empty(self, row: Row) -> Cells:
        return self._cells(row.if_empty) | (self._title(row) if row.keeps_title else {})

    def kind(self, property_id: str) -> str:
        return self.kinds[property_id]

    def digest(self, cells: Cells) -> str:
        """Return sixteen hex digits that change when the cells, or the data source that they are written to, change."""
        text = json.dumps([self.data_source_id, cells], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _title(self, row: Row) -> Cells:
        return {self.title_id: encoded("title", row.title) or {}}

    def _cells(self, values: Mapping[str, Value]) -> Cells:
        found: Cells = {}
        for name, value in values.items():
            property_id = self.ids.get(name)
            cell = encoded(self.kinds[property_id], value) if property_id else None
            if property_id and cell is not None:
                found[property_id] = cell
        return found


def match(database: Database, data_source: Mapping[str, Any]) -> Schema:
    """Match our columns with properties, by name in any case. The right type is preferred, then the exact name."""
    properties: dict[str, dict[str, Any]] = data_source["properties"]
    ids: dict[str, str] = {}
    missing: dict[str, str] = {}
    problems: dict[str, str] = {}
    for name, kind in (*database.columns.items(), *database.optional.items()):
        actual = _named(name, kind, properties)
        if actual is None:
            missing[name] = kind
        elif properties[actual]["type"] == kind:
            ids[name] = properties[actual]["id"]
        else:
            problems[name] = _retyped_line(database, actual, properties[actual]["type"], kind)
    near = _near_properties(database, missing, properties)
    for name, kind in missing.items():
        if name in database.columns:
            problems[name] = _missing_line(database, name, kind, near.get(name))
    title_id = next((str(p["id"]) for p in properties.values() if p["type"] == "title"), "title")
    kinds = {property_id: (database.columns.get(n) or database.optional[n]) for n, property_id in ids.items()}
    return Schema(
        data_source_id=data_source["id"],
        title_id=title_id,
        ids=ids,
        kinds={**kinds, title_id: "title"},
        missing=missing,
        problems=tuple(problems[name] for name in (*database.columns, *database.optional) if name in problems),
    )


def _named(name: str, kind: str, properties: Mapping[str, Mapping[str, Any]]) -> str | None:
    candidates = [actual for actual in properties if actual.strip().lower() == name.lower()]
    ranked = sorted(candidates, key=lambda actual: (properties[actual]["type"] != kind, actual != name))
    return ranked[0] if ranked else None


def _near_properties(
    database: Database, missing: Mapping[str, str], properties: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return, by missing column, a property that may be it under another name; each for the nearest column only."""
    known = {column.lower() for column in (*database.columns, *database.optional)}
    others = [actual for actual in properties if actual.strip().lower() not in known]
    pairs = sorted(
        (-_likeness(name, actual), name, actual)
        for name in missing
        if name in database.columns
        for actual in others
        if properties[actual]["type"] == missing[name]
    )
    found: dict[str, str] = {}
    for unlikeness, name, actual in pairs:
        if -unlikeness >= _LIKENESS_MIN and name not in found and actual not in found.values():
            found[name] = actual
    return found


def _likeness(name: str, actual: str) -> float:
    return difflib.SequenceMatcher(None, actual.lower(), name.lower()).ratio()


def _missing_line(database: Database, name: str, kind: str, near: str | None) -> str:
    cure = f'rename "{near}" back to it, if that is the same' if near else "`advent check --fix` adds it"
    return f'Notion database {database.title}: the property "{name}" ({words(kind)}) is missing: {cure}'


def _retyped_line(database: Database, actual: str, is_kind: str, kind: str) -> str:
    return (
        f'Notion database {database.title}: the property "{actual}" is of type {words(is_kind)} and must be '
        f"{words(kind)}: change its type in Notion"
    )


def words(kind: str) -> str:
    return kind.replace("_", " ")
