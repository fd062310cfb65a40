"""The records: columns, data sources, databases, pages. `shapes.py` turns them into Notion's objects."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import quote

COLORS = ("default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red")


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a select, multi-select or status column."""

    id: str
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `id`: as Notion stores it, not URL-encoded (`a;b1`); the title column's id is `title`."""

    id: str
    name: str
    type: str
    options: tuple[Option, ...] = ()

    def option(self, option_id: str | None) -> Option | None:
        return next((option for option in self.options if option.id == option_id), None)

    def option_named(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data source: the table itself."""

    id: str
    database_id: str
    title: str
    created_ms: int
    edited_ms: int
    columns: tuple[Column, ...]

    def column(self, name_or_id: str) -> Column | None:
        """Return the column with this exact name or this id (encoded or not), or None."""
        by_name = next((column for column in self.columns if column.name == name_or_id), None)
        return by_name or next(
            (column for column in self.columns if name_or_id in (column.id, encoded(column.id))), None
        )

    def with_column(self, changed: Column) -> Source:
        """Return the data source with the column of this id replaced, or added at the end."""
        if not any(column.id == changed.id for column in self.columns):
            return replace(self, columns=(*self.columns, changed))
        return replace(self, columns=tuple(changed if column.id == changed.id else column for column in self.columns))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Source:
        columns = tuple(
            Column(**{**column, "options": tuple(Option(**option) for option in column["options"])})
            for column in body["columns"]
        )
        return cls(**{**body, "columns": columns})


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database: a name, and the data sources in it."""

    id: str
    title: str
    created_ms: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A row. `values`: stored values by column id; `seq`: the order of creation."""

    seq: int
    id: str
    source_id: str
    created_ms: int
    edited_ms: int
    in_trash: bool
    values: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def encoded(column_id: str) -> str:
    """Return a column's id as the API shows it: `a%3Bb1`."""
    return quote(column_id, safe="")
