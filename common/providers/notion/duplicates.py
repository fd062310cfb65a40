"""
Prevents and removes duplicate rows of one contact: Notion has neither unique constraints nor idempotency keys.

`CreateGuard` decides which worker may create a page; `Copies` selects the row to keep and the copies to trash.

A contact has at most two keys, `{advent}:mirror:create:<database>:<enrollment id>`: a HASH, see `creation_guard.lua`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import redis.asyncio

from common.clock import Clock
from common.domain.projection import Row
from common.providers.notion.api import Page, is_trashed
from common.providers.notion.schema import Schema
from common.providers.notion.values import COMPUTED, encoded, is_empty, plain_value

SETTLE_MS = 30_000
"""How long the page of an unanswered create is searched for before the create is repeated; Notion does not document
how far queries lag."""
UNKNOWN_MS = 86_400_000
"""How long an unanswered create is remembered, so that the worker that repeats it searches for copies afterwards."""
CREATED_MS = 3_600_000
"""How long a created page is remembered; by then the ledger has its id, or queries show it."""

_SCRIPT = Path(__file__).with_name("creation_guard.lua").read_text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    The answer to a worker that wants to create a page.

    `page_id`: the page exists, use it. `wait_ms` > 0: another create is under way or its outcome is unknown; ask again
    after this time. With neither, create the page now. `after_unknown_outcome`: an earlier attempt may still turn out
    to have succeeded.
    """

    page_id: str | None = None
    wait_ms: int = 0
    after_unknown_outcome: bool = False


class CreateGuard(Protocol):
    async def begin(self, database: str, enrollment_id: str) -> Turn:
        """
        Request to create a page.

        If the answer allows it, attempt to create the page and call `created` or, if certainly none was created,
        `release`. Without either call the outcome counts as unknown.
        """
        ...

    async def created(self, database: str, enrollment_id: str, page_id: str) -> None:
        """Record that the page exists, so that other workers find it before queries show it."""
        ...

    async def release(self, database: str, enrollment_id: str) -> None:
        """Record that certainly no page was created, or that it is gone: the next worker may create one at once."""
        ...


class StoreCreateGuard(CreateGuard):
    """The guard in the store, shared by all workers. Methods raise `redis.RedisError` when it cannot be reached."""

    def __init__(self, client: redis.asyncio.Redis, *, clock: Clock, settle_ms: int = SETTLE_MS) -> None:
        self._client, self._clock, self._settle_ms = client, clock, settle_ms
        self._script = client.register_script(_SCRIPT)

    async def begin(self, database: str, enrollment_id: str) -> Turn:
        args: list[str | int] = ["begin", self._clock.now_ms(), self._settle_ms, UNKNOWN_MS]
        word, value = (_text(part) for part in await self._script(keys=[_key(database, enrollment_id)], args=args))
        if word == "page":
            return Turn(page_id=value)
        if word == "wait":
            return Turn(wait_ms=int(value))
        return Turn(after_unknown_outcome=value == "1")

    async def created(self, database: str, enrollment_id: str, page_id: str) -> None:
        await self._script(keys=[_key(database, enrollment_id)], args=["created", page_id, CREATED_MS])

    async def release(self, database: str, enrollment_id: str) -> None:
        await self._client.delete(_key(database, enrollment_id))


def _key(database: str, enrollment_id: str) -> str:
    return f"{{advent}}:mirror:create:{database}:{enrollment_id}"


def _text(part: bytes | str) -> str:
    return part.decode() if isinstance(part, bytes) else part


_CAMPAIGN = "Campaign"


class Copies:
    """
    The rows found for one contact, without those of other campaigns.

    `oldest`: the row to keep, the same for every worker; None without any row. Rows without a campaign count only when
    no row names this campaign.
    """

    def __init__(self, schema: Schema, pages: Sequence[Page], row: Row) -> None:
        self._schema = schema
        self._campaign_id = schema.ids.get(_CAMPAIGN) if _CAMPAIGN in row.values else None
        self._ours = plain_value("select", encoded("select", row.values.get(_CAMPAIGN)) or {})
        self._names_campaigns = _CAMPAIGN in row.values
        here = sorted((page for page in pages if not is_trashed(page)), key=lambda p: (p["created_time"], p["id"]))
        named = [page for page in here if self._campaign_of(page) == self._ours]
        self._rows = named or [page for page in here if self._campaign_of(page) is None]

    @property
    def oldest(self) -> Page | None:
        return self._rows[0] if self._rows else None

    def superfluous(self) -> list[Page]:
        """
        Return the copies that are certainly ours: of the same campaign, edited only by their creator, and with columns
        of other people that are empty or equal to the oldest row's.
        """
        return [page for page in self._rows[1:] if self._is_ours(page)]

    def _is_ours(self, page: Page) -> bool:
        if self._names_campaigns and (self._campaign_id is None or self._campaign_of(page) != self._ours):
            return False
        if _user(page, "created_by") != _user(page, "last_edited_by"):
            return False
        kept = {cell["id"]: cell for cell in self._rows[0]["properties"].values()}
        foreign = [cell for cell in page["properties"].values() if cell["id"] not in self._schema.kinds]
        return all(_is_no_loss(cell, kept.get(cell["id"], {})) for cell in foreign)

    def _campaign_of(self, page: Page) -> object:
        for cell in page["properties"].values():
            if cell["id"] == self._campaign_id:
                return plain_value("select", cell)
        return None


def _is_no_loss(cell: dict[str, Any], kept: dict[str, Any]) -> bool:
    kind = cell["type"]
    return kind in COMPUTED or is_empty(kind, cell) or plain_value(kind, cell) == plain_value(kind, kept)


def _user(page: Page, role: str) -> object:
    return (page.get(role) or {}).get("id")
