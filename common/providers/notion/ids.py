"""Which database a setting means: an id, or whatever was copied from the browser."""

from __future__ import annotations

import re
from urllib.parse import urlsplit
from uuid import UUID

_ID = re.compile(r"[0-9a-f]{32}$")


def database_id(setting: str, text: str) -> str:
    """
    The id of a pasted URL or id, with dashes. Raises ValueError naming the setting and the cure.

    `https://app.notion.com/p/Email-Sequence-<32 hex>?v=<view>` and its older forms; the view after `?` is no database.
    The SDK's own helpers do not know the present host.
    """
    pasted = text.strip().strip("\"'<>")
    last = urlsplit(pasted).path.rstrip("/").rpartition("/")[2]
    found = _ID.search(last.replace("-", "").lower())
    if found is None:
        raise ValueError(
            f"{setting} has no database id in it: open the database in Notion, copy its link and paste that"
        )
    return str(UUID(found.group()))
