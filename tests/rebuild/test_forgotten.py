"""A row left in Notion does not restore a forgotten contact."""

from __future__ import annotations

from tests.rebuild.conftest import Installation


async def test_row_left_in_notion_does_not_restore_a_forgotten_contact(installation: Installation, ada, boris):
    await installation.simulation.sign_up(ada)
    await installation.simulation.sign_up(boris)
    await installation.until(1)
    traces = await installation.world.ledger.contacts.find_traces(ada.email)
    await installation.world.ledger.contacts.forget(traces, now_ms=installation.clock.now_ms())

    summary = await installation.rebuilds()

    assert (summary.rows, summary.restored, summary.known, summary.forgotten) == (2, 0, 1, 1)
    assert await installation.record(ada) is None
    tables = await installation.ask("GET", "/notion.json")
    theirs = {row["id"] for rows in tables.values() for row in rows if ada.email in str(row)}
    assert set(traces.pages) == theirs
