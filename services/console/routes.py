"""Every address of the console."""

from __future__ import annotations

from aiohttp import web

from services.console import health, login
from services.console.queues import dashboard
from services.console.replies import STATIC
from services.console.views import letters, overview, person
from services.web.pages import assets_route

ROUTES = (
    web.get("/", overview.show),
    web.get("/api/overview", overview.as_json),
    web.get("/dead-letters", letters.show),
    web.post("/dead-letters/replay", letters.replay),
    web.post("/dead-letters/discard", letters.discard),
    web.post("/people", person.find),
    web.get("/people/{id}", person.show),
    web.get("/login", login.show),
    web.post("/login", login.enter),
    web.post("/logout", login.leave),
    web.get("/dramatiq", dashboard.add_slash),
    web.get("/dramatiq/{path:.*}", dashboard.answer),
    web.post("/dramatiq/{path:.*}", dashboard.answer),
    web.get("/health", health.health),
    web.get("/ready", health.ready),
    web.get("/metrics", health.metrics),
    web.static("/static", STATIC),
    assets_route(),
)
