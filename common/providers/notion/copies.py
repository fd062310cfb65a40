"""Rows with the address of one contact: which one is kept, and which are copies that can go to the trash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.domain.projection import Row
from common.providers.notion.api import Page, is_trashed
from common.providers.notion.schema import Schema
from common.providers.notion.values import COMPUTED, encoded, is_empty, plain_value

_CAMPAIGN = "Campaign"


class Copies:
    """
    The rows found for one contact, without those of other campaigns.

    `oldest` is the one to keep, the same for every worker; None without any. A row without a campaign belongs to this
    one only when no row names it.
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
        Copies that are certainly ours: of the same campaign, edited only by their creator, and with nothing in other
        people's columns that the oldest has not, too.
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
