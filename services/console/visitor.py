"""Who makes a request, as `around.py` found out before any handler runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from aiohttp import web

from services.console.session import Session

_KEY = "visitor"


@dataclass(frozen=True, slots=True)
class Visitor:
    """
    `source`: where from. `is_secure`: over TLS, as far as this process or a trusted proxy can tell. `session`: of a
    browser; None for a program, which shows its token each time. `is_in`: may see and do what the console is for.
    """

    source: str
    is_secure: bool
    session: Session | None
    is_in: bool


def introduce(request: web.Request, visitor: Visitor) -> None:
    request[_KEY] = visitor


def visitor_of(request: web.Request) -> Visitor:
    return cast(Visitor, request[_KEY])
