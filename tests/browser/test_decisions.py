"""Unmarked calls and failed jobs are settled by clicks in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.holds import Hold
from common.ledger.pauses import Pause, campaign_scope
from services.simulation.engine import MEETING_MS
from tests.browser.accessibility import faults_of
from tests.browser.conftest import expect
from tests.browser.virtual_console import VirtualConsole, virtual_console

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

DAY_MS = 24 * 3_600_000
NOOR = enrollment_id("christmas_2025", "noor@people.example")


@pytest.fixture(scope="module")
def console() -> Iterator[VirtualConsole]:
    with virtual_console() as started:
        yield started


@pytest.fixture
def page(chromium: Any, console: VirtualConsole) -> Iterator[Any]:
    context = chromium.new_context(base_url=console.url, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def missed(console: VirtualConsole) -> None:
    """Noor and Olga had a call; the next day nobody has said how they went."""
    start_ms = console.simulation.clock.now_ms() + DAY_MS
    for name in ("Noor", "Olga"):
        address = f"{name.lower()}@people.example"
        console.run(console.simulation.book(address, start_ms, uid=f"{name}{start_ms}", first_name=name))
    console.soon(DAY_MS + MEETING_MS + DAY_MS + 1_000)


@pytest.mark.usefixtures("missed")
def test_two_unmarked_calls_are_marked_starting_from_the_overview(page: Any, console: VirtualConsole) -> None:
    page.goto("/")
    page.get_by_role("link", name="Unmarked calls").click()
    noor, olga = (page.locator(".dead-letters > li", has_text=name) for name in ("Noor", "Olga"))
    noor.get_by_text("No-show …").click()
    expect(noor.get_by_text("Planned: follow-up missed at")).to_be_visible()
    noor.get_by_role("button", name="The guest did not come").click()
    expect(page.get_by_role("status")).to_contain_text("Marked as a no-show")
    console.soon()

    page.goto("/unmarked-calls")
    expect(noor).to_have_count(0)
    olga.get_by_text("Took place …").click()
    expect(olga.get_by_text("it is too late for a thank-you")).to_be_visible()
    olga.get_by_role("button", name="It took place").click()
    expect(page.get_by_role("status")).to_contain_text("Marked: the call took place.")
    console.soon()
    page.goto(f"/people/{NOOR}")

    expect(page.locator(".timeline .planned")).to_contain_text("follow-up missed planned")
    page.goto("/unmarked-calls")
    expect(page.get_by_text("None.")).to_be_visible()


async def fail(console: VirtualConsole, id: str, error: str) -> None:
    client, message = console.context.ledger.client, {"actor_name": "send", "args": [id]}
    await client.zadd(keys.QUEUE.dead("send"), {id: 1})
    body = json.dumps(message | {"options": {"traceback": f"Traceback\n{error}"}})
    await client.hset(keys.QUEUE.dead_messages("send"), id, body)


@pytest.fixture
def failed(console: VirtualConsole) -> Iterator[None]:
    for number in range(3):
        console.run(fail(console, f"job-{number}", "KeyError: 'step'"))
    console.run(fail(console, "job-3", "ValueError: no hour"))
    yield
    console.run(console.context.ledger.client.delete(keys.QUEUE.dead("send"), keys.QUEUE.dead_messages("send")))


@pytest.mark.usefixtures("failed")
def test_failed_jobs_with_one_error_are_counted_and_deleted_by_two_clicks(page: Any) -> None:
    page.goto("/queues")
    group = page.locator(".dead-letters > li", has_text="KeyError: 'step'").first
    expect(group.locator(".count")).to_have_text("3")
    group.get_by_text("Delete these …").click()
    group.get_by_role("button", name="Delete 3").click()

    expect(page.get_by_role("status")).to_contain_text("3 deleted: never to run again")
    expect(page.get_by_text("ValueError: no hour").first).to_be_visible()
    expect(page.get_by_text("KeyError: 'step'")).to_have_count(0)


@pytest.fixture
def held(console: VirtualConsole) -> Iterator[None]:
    """All sending is held, and the campaign is paused."""
    hold = Hold(since_ms=1, why="the clocks disagree", cure="Run `advent clock confirm`.")
    pause, scope = Pause(since_ms=1, by="Mia", reason="the texts change"), campaign_scope("christmas_2025")
    console.run(console.context.ledger.holds.start("clock", hold))
    console.run(console.context.ledger.pauses.start(scope, pause))
    yield
    console.run(console.context.ledger.holds.finish("clock"))
    console.run(console.context.ledger.pauses.finish(scope, now_ms=console.simulation.clock.now_ms()))


def test_cure_of_a_fault_with_a_long_reason_is_readable(console: VirtualConsole, page: Any) -> None:
    why = "the store was restored, and neither Resend nor Notion shows who has left since the backup"
    cure = "Set RESEND_API_KEY to one with full access and restart."
    console.run(console.context.ledger.holds.start("unsettled", Hold(since_ms=1, why=why, cure=cure)))
    console.context.status_cache.invalidate()
    try:
        page.goto("/")
        box = page.locator(".health dd", has_text=cure).bounding_box()
        assert box["width"] > 300, "not one letter a line"
    finally:
        console.run(console.context.ledger.holds.finish("unsettled"))
        console.context.status_cache.invalidate()


@pytest.mark.usefixtures("failed", "missed", "held")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_pages_with_pending_decisions_are_accessible(
    chromium: Any, console: VirtualConsole, width: int, scheme: str
) -> None:
    # Axe is injected as a script, which the page's content security policy would refuse.
    context = chromium.new_context(
        base_url=console.url, viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    looked_at = context.new_page()
    console.run(console.context.people.refresh())
    decided = ("/?done=gone", "/schedule?done=resumed", "/queues?done=gone", f"/people/{NOOR}?marked=before")
    for path in ("/", "/queues", "/schedule", "/unmarked-calls", f"/people/{NOOR}", "/campaigns", *decided):
        assert faults_of(looked_at, path) == []
    context.close()
