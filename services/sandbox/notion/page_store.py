"""
Databases, data sources and pages: in memory for queries, and written to the disk before each response.

As if an index lagged, a query may see an older version of a page that has just changed (the dial
`notion_query_lag_seconds`). A read by id always sees the newest version. Older versions are in memory only, so nothing
lags after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from common.clock import Clock
from services.sandbox.disk import Disk
from services.sandbox.ids import new_id
from services.sandbox.notion.initial_databases import initial_databases
from services.sandbox.notion.records import Database, Page, Source

VERSIONS_MAX = 50

# The order must not change: programs use a database's first data source.
SOURCES_IN_ORDER = "SELECT * FROM notion_sources ORDER BY json_extract(body, '$.created_ms'), id"


class PageStore:
    def __init__(self, disk: Disk, clock: Clock) -> None:
        self._disk = disk
        self._clock = clock
        self.databases = {
            row["id"]: Database(**json.loads(row["body"])) for row in disk.rows("SELECT * FROM notion_databases")
        }
        self.sources = {row["id"]: Source.from_json(json.loads(row["body"])) for row in disk.rows(SOURCES_IN_ORDER)}
        pages = (Page(**json.loads(row["body"])) for row in disk.rows("SELECT * FROM notion_pages ORDER BY seq"))
        self._versions: dict[str, list[Page]] = {page.id: [page] for page in pages}
        self._by_source: dict[str, list[str]] = {}
        for page_id, (page, *_) in self._versions.items():
            self._by_source.setdefault(page.source_id, []).append(page_id)
        if not self.databases:
            self._create_initial()

    def page(self, page_id: str) -> Page | None:
        versions = self._versions.get(page_id)
        return versions[-1] if versions else None

    def add_page(self, source_id: str, values: dict[str, Any]) -> Page:
        now_ms = self._clock.now_ms()
        page = Page(
            seq=len(self._versions) + 1,
            id=new_id(),
            source_id=source_id,
            created_ms=now_ms,
            edited_ms=now_ms,
            in_trash=False,
            values=values,
        )
        self._by_source.setdefault(source_id, []).append(page.id)
        return self._write(page)

    def change_page(self, page: Page, values: dict[str, Any], *, in_trash: bool) -> Page:
        changed = {**page.values, **values}
        return self._write(replace(page, values=changed, in_trash=in_trash, edited_ms=self._clock.now_ms()))

    def pages_of(self, source_id: str) -> list[Page]:
        """Return all rows in their newest version, including those in the trash, oldest first."""
        return [self._versions[page_id][-1] for page_id in self._by_source.get(source_id, [])]

    def indexed_pages_of(self, source_id: str, *, as_of_ms: int) -> Iterator[Page]:
        """Yield the rows as a lagging index sees them, newest first: each in its last version up to `as_of_ms`."""
        for page_id in reversed(self._by_source.get(source_id, [])):
            seen = next(
                (version for version in reversed(self._versions[page_id]) if version.edited_ms <= as_of_ms), None
            )
            if seen is not None:
                yield seen

    def put_source(self, source: Source) -> Source:
        stamped = replace(source, edited_ms=self._clock.now_ms())
        self._disk.run("INSERT OR REPLACE INTO notion_sources VALUES (?, ?)", source.id, json.dumps(stamped.to_json()))
        self.sources[source.id] = stamped
        return stamped

    def put_database(self, database: Database) -> None:
        self._disk.run(
            "INSERT OR REPLACE INTO notion_databases VALUES (?, ?)", database.id, json.dumps(database.to_json())
        )
        self.databases[database.id] = database

    def sources_of(self, database_id: str) -> list[Source]:
        return [source for source in self.sources.values() if source.database_id == database_id]

    def clear_pages(self) -> None:
        """Delete all rows permanently, for tests. Notion itself cannot do this."""
        self._disk.run("DELETE FROM notion_pages")
        self._versions.clear()
        self._by_source.clear()

    def _write(self, page: Page) -> Page:
        body = json.dumps(page.to_json(), ensure_ascii=False)
        self._disk.run("INSERT OR REPLACE INTO notion_pages VALUES (?, ?, ?)", page.seq, page.id, body)
        versions = self._versions.setdefault(page.id, [])
        versions.append(page)
        del versions[:-VERSIONS_MAX]
        return page

    def _create_initial(self) -> None:
        with self._disk.transaction():
            for database, source in initial_databases(self._clock.now_ms()):
                self.put_database(database)
                self.put_source(source)
