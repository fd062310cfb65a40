"""The notice on the page after an action: green only if something was done."""

from __future__ import annotations

import re

import pytest

from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from services.simulation.engine import Simulation
from tests.console.conftest import Console, OpenConsole

ADA = enrollment_id("christmas_2025", "ada@example.org")
NOTICE = re.compile(r'<p class="notice( good)?" role="status">([^<]+)</p>')

DONE = [
    "/?done=replayed",
    "/dead-letters?replayed=2&gone=1&number=3",
    "/held-signups?released=1",
    "/people?did=forget&done=done",
    f"/people/{ADA}?did=unsuppress&done=asked",
    f"/people/{ADA}?did=send-now&done=waits",
    f"/people/{ADA}?done=discarded",
    f"/people/{ADA}?marked=completed",
    "/queues?done=delete",
    "/queues?requeued=2&gone=1",
    "/schedule?done=paused",
    "/unmarked-calls?marked=no-show",
    "/unread-bookings?discarded=1",
]
NOTHING_DONE = [
    "/?done=gone",
    "/dead-letters?done=none-ticked",
    "/dead-letters?gone=1&number=1",
    "/held-signups?released=0",
    "/held-signups?discarded=0",
    "/people?did=forget&done=already",
    f"/people/{ADA}?did=pause&done=already",
    f"/people/{ADA}?did=skip&done=sending",
    f"/people/{ADA}?did=unsuppress&done=complained",
    f"/people/{ADA}?did=unsuppress&done=no+consent",
    f"/people/{ADA}?done=gone",
    f"/people/{ADA}?marked=before",
    "/queues?done=gone",
    "/queues?gone=2",
    "/schedule?done=was+paused",
    "/schedule?done=was+not+paused",
    "/unmarked-calls?marked=unknown",
    "/unread-bookings?discarded=0",
]


async def notices_of(console: Console, path: str) -> list[tuple[bool, str]]:
    """Return (whether it is green, the text) of each notice of a result."""
    page = await console.get(path)
    assert page.status == 200
    return [(bool(good), text) for good, text in NOTICE.findall(page.text)]


@pytest.mark.parametrize("path", DONE)
async def test_notice_of_an_action_that_was_done_is_green(
    console: Console, simulation: Simulation, ada: Assessment, path: str
) -> None:
    await simulation.sign_up(ada)

    ((is_good, _),) = await notices_of(console, path)

    assert is_good


@pytest.mark.parametrize("path", NOTHING_DONE)
async def test_notice_of_an_action_that_did_nothing_is_not_green(
    console: Console, simulation: Simulation, ada: Assessment, path: str
) -> None:
    await simulation.sign_up(ada)

    ((is_good, _),) = await notices_of(console, path)

    assert not is_good


@pytest.mark.parametrize(
    ("answer", "is_green"), [("done", True), ("already", False), ("another+version", False), ("first", False)]
)
async def test_notice_about_a_version_is_green_only_if_the_version_was_changed(
    open_console: OpenConsole, store_url: str, answer: str, is_green: bool
) -> None:
    console = await open_console(store_url, is_versioned=True)

    ((is_good, _),) = await notices_of(console, f"/campaigns/christmas_2025/rollback?done={answer}")

    assert is_good is is_green


async def test_page_without_an_action_has_no_notice_of_one(console: Console) -> None:
    assert await notices_of(console, "/schedule?done=unknown&did=pause") == []
