"""Who was forgotten is not brought back by the row that somebody left in Notion."""

from __future__ import annotations

from tests.rebuild.conftest import House


async def test_a_row_that_was_left_in_notion_brings_nobody_back(house: House, ada, boris):
    await house.simulation.sign_up(ada)
    await house.simulation.sign_up(boris)
    await house.until(1)
    traces = await house.world.ledger.contacts.traces(ada.email)
    await house.world.ledger.contacts.forget(traces, now_ms=house.clock.now_ms())

    summary = await house.rebuilds()

    assert (summary.rows, summary.restored, summary.known, summary.forgotten) == (2, 0, 1, 1)
    assert await house.record(ada) is None
    tables = await house.ask("GET", "/notion.json")
    theirs = {row["id"] for rows in tables.values() for row in rows if ada.email in str(row)}
    assert set(traces.pages) == theirs
