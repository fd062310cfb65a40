"""What the servers of pages share: templates, static files, and the check that a form comes from their own page."""

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
    """`/assets`: the files of ASSETS_DIR."""
    return web.static("/assets", ASSETS_DIR)


def make_environment(templates: Path, filters: Mapping[str, Callable[..., Any]], *, service: str) -> jinja2.Environment:
    """
    Jinja over the directory `templates` and TEMPLATES_DIR: values are escaped, and an undefined name is an error.

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
    Whether a page of this server sent the request, by the headers that browsers set and pages cannot change.

    A request without them comes from a program and counts as the server's own.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.host.lower()
