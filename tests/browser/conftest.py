"""A real Chromium in front of a real console and sandbox, with the store and worker of a real `advent up`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.http import request
from tests.acceptance.place import SECRETS, UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

TOKEN = "a token that only browsers type"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"


def expect(seen: Any) -> Any:
    """Return Playwright's assertions for a page or a part of it; each waits up to half a minute."""
    expect = pytest.importorskip("playwright.sync_api").expect
    expect.set_options(timeout=30_000)
    return expect(seen)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Ada is enrolled, and the first mail to Boris is a dead letter."""
    place = Place(TESTING_MODE="true", CONSOLE_TOKEN=TOKEN, **SECRETS, **UNLIMITED)
    try:
        place.up()
        refused = {"kind": "status", "status": 422, "name": "validation_error", "operation": "emails.send"}
        rule = json.dumps({**refused, "provider": "resend", "contains": "boris@", "count": 1}).encode()
        request("POST", f"{place.sandbox.url}/faults", rule, {"Content-Type": "application/json"})
        for name in ("Ada", "Boris"):
            place.website.post(person(name), f"msg_{name}")
        eventually(lambda: place.ask("status")["dead_letters"] == 1, "the dead letter of Boris")
        yield place
    finally:
        place.close()


@pytest.fixture
def page(chromium: Any, place: Place) -> Iterator[Any]:
    """A page of a user who is logged in; an error in its JavaScript console fails the test."""
    context = chromium.new_context(base_url=place.console_url, viewport={"width": 1280, "height": 900})
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto("/")
    page.get_by_label("Console token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
    yield page
    context.close()
    assert complaints == []
