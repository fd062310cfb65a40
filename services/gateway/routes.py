"""Every address of the gateway."""

from __future__ import annotations

from aiohttp import web

from services.gateway import health, openapi, unsubscribe
from services.gateway.webhooks import calcom, resend, signup

ROUTES = (
    web.post("/webhook/christmas-signup", signup.receive, name="signup"),
    web.post("/webhook/calcom-booking", calcom.receive, name="calcom"),
    web.post("/webhook/resend", resend.receive, name="resend"),
    web.post("/unsubscribe/{token}", unsubscribe.act, name="unsubscribe"),
    web.get("/unsubscribe/{token}", unsubscribe.show),
    web.get("/health", health.health),
    web.get("/ready", health.ready),
    web.get("/metrics", health.metrics),
    web.get("/openapi.json", openapi.show),
)
