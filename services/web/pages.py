"""Shared by the servers that show pages: templates, static files, and a check that a form is from their own page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from aiohttp import web

ASSETS_DIR = Path(__file__).parent / "assets"
"""Style sheet and icon of every page."""
TEMPLATES_DIR = Path(__file__).parent / "templates"
"""`layout.html`, which the pages of every service extend."""


def assets_route() -> web.StaticDef:
    """Return the route `/assets`, which serves the files of ASSETS_DIR."""
    return web.static("/assets", ASSETS_DIR)


def make_environment(templates: Path, filters: Mapping[str, Callable[..., Any]], *, service: str) -> jinja2.Environment:
    """
    Return Jinja for the directory `templates` and TEMPLATES_DIR. It escapes values, and an undefined name is an error.

    `service`: its name on every page, and the name of its style sheet.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates, TEMPLATES_DIR]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    environment.globals["service"] = service
    return environment


def is_same_origin(request: web.Request) -> bool:
    """
    Return whether a page of this server sent the request, by headers that browsers set and pages cannot change.

    A request without these headers comes from a program, and the result is True.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()
