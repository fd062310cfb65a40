"""Helpers for short rows of the sequence database."""

from __future__ import annotations

from typing import Any

import pytest
from notion_client import APIResponseError, AsyncClient

from services.sandbox.ids import SEQUENCE_DATA_SOURCE_ID

SEQUENCE = SEQUENCE_DATA_SOURCE_ID
NOBODY = "99999999-0000-4000-8000-000000000009"
PARENT = {"type": "data_source_id", "data_source_id": SEQUENCE}


def text(content: str) -> list[dict[str, Any]]:
    return [{"text": {"content": content}}]


def row(name: str = "Ada", **more: Any) -> dict[str, Any]:
    return {"Name": {"title": text(name)}, "Email": {"email": f"{name.lower()}@x.example"}, **more}


async def make(notion: AsyncClient, name: str = "Ada", **more: Any) -> Any:
    return await notion.pages.create(parent=PARENT, properties=row(name, **more))


async def names(notion: AsyncClient, **query: Any) -> list[str]:
    found = await notion.data_sources.query(SEQUENCE, **query)
    return [page["properties"]["Name"]["title"][0]["plain_text"] for page in found["results"]]


async def refusal(asking: Any) -> APIResponseError:
    with pytest.raises(APIResponseError) as raised:
        await asking
    return raised.value
