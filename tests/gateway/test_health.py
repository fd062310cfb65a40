"""What a probe learns: that it lives, that an event can be made durable, and the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.clock import iso
from common.store.embedded import EmbeddedStore
from tests.gateway.conftest import Opener, Site, person


async def test_a_process_that_lives_is_healthy(site: Site) -> None:
    answer = await site.asks("GET", "/health")

    assert (answer.status, answer.json) == (
        200,
        {
            "status": "healthy",
            "timestamp": iso(site.clock.now_ms()),
            "environment": {"testing_mode": False, "notion_configured": False, "resend_configured": False},
        },
    )


async def test_it_is_ready_while_the_store_or_the_spool_takes_events(
    opens: Opener, own_store: EmbeddedStore, folder: Path
) -> None:
    site = await opens(own_store.url)
    spool = folder / "spool"

    async def state() -> tuple[int, str, str]:
        answer = await site.asks("GET", "/ready")
        seen = answer.json["dependencies"]
        assert {"notion", "resend"} < set(seen)
        return answer.status, seen["store"]["status"], seen["spool"]["status"]

    assert await state() == (200, "up", "writable")
    own_store.stop()
    assert await state() == (200, "down", "writable")
    spool.rmdir()
    spool.write_text("in the way")
    assert await state() == (503, "down", "File exists")
    assert (await site.signs_up(person("ada"))).status == 503
    own_store.start()
    assert await state() == (200, "up", "File exists")
    spool.unlink()


async def test_figures_are_told_to_prometheus(site: Site) -> None:
    await site.signs_up(person("ada"))
    await site.signs_up(person("ada", assessment_score=101))

    answer = await site.asks("GET", "/metrics")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    for line in ('advent_webhooks_total{kind="signup",outcome="accepted"}', 'kind="signup",outcome="invalid"'):
        assert line in answer.body.decode()
    assert "advent_webhook_seconds_bucket" in answer.body.decode()
    assert "ada" not in answer.body.decode()


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
async def test_every_answer_is_careful(site: Site, path: str) -> None:
    headers = (await site.asks("GET", path)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Request-Id"]
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Server"] == "advent"
