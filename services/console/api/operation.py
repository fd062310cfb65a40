"""The description of one API operation: a method of a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp.typedefs import Handler
from pydantic import BaseModel

PAGED: Final = ("from", "limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation with its handler. `role`: the role that a user needs. `query`: names of optional parameters."""

    method: str
    path: str
    handler: Handler
    summary: str
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    query: Sequence[str] = ()

    @property
    def role(self) -> str:
        return "read" if self.method == "get" else "full"
