"""Who makes a request, as `around.py` found out before any handler runs."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from services.console.session import Session


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


VISITOR: ContextVar[Visitor] = ContextVar("visitor")
"""aiohttp answers the requests of a connection one after the other, each connection in a context of its own."""
