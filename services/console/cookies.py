"""The one cookie of the console, and what browsers may do with it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.console.session import SESSION_S

_NAME = "advent_console"


def _name(is_secure: bool) -> str:
    """Over TLS one that no other host of the domain can set."""
    return f"__Host-{_NAME}" if is_secure else _NAME


def given(request: web.Request, *, is_secure: bool) -> str | None:
    return request.cookies.get(_name(is_secure))


def give(response: web.StreamResponse, value: str, *, is_secure: bool) -> None:
    response.set_cookie(_name(is_secure), value, max_age=SESSION_S, **_terms(is_secure))


def take_back(response: web.StreamResponse, *, is_secure: bool) -> None:
    response.del_cookie(_name(is_secure), **_terms(is_secure))


def _terms(is_secure: bool) -> dict[str, Any]:
    """
    Lax, not strict: a link in an alert or a chat would arrive without it, and the page that answers would put a guest's
    in its place. What another site can make a browser send with it is a GET, which changes nothing here.
    """
    return {"path": "/", "httponly": True, "samesite": "Lax", "secure": is_secure}
