"""A booking event that could not be read waits for a person, once, and for as long as there is room."""

from __future__ import annotations

from common.ledger import keys, unread_bookings


async def test_the_newest_are_kept_and_the_same_body_once(ledger, monkeypatch):
    monkeypatch.setattr(unread_bookings, "EVENTS_MAX", 3)
    for number in (1, 2, 3, 4, 4, 1, 5):
        await ledger.unread_bookings.keep(f"body {number}", reason="no JSON", received_ms=1_000 + number)

    assert [event.raw for event in await ledger.unread_bookings.read_all()] == ["body 3", "body 4", "body 5"]
    assert await ledger.client.zcard(keys.UNREAD_BOOKINGS) == 3


async def test_a_body_of_any_bytes_is_kept_to_its_limit(ledger):
    raw = "\udfff" + "ä" * unread_bookings.RAW_BYTES_MAX
    await ledger.unread_bookings.keep(raw, reason="no JSON", received_ms=1)

    [event] = await ledger.unread_bookings.read_all()
    assert event.raw.startswith("\\udfffä")
    assert len(event.raw.encode()) <= unread_bookings.RAW_BYTES_MAX


async def test_what_a_person_has_dealt_with_is_discarded(ledger):
    for number in (1, 2):
        await ledger.unread_bookings.keep(f"body {number}", reason="no JSON", received_ms=number)
    first, second = await ledger.unread_bookings.read_all()

    assert await ledger.unread_bookings.discard([first.id, "unr_unknown"]) == 1
    assert [second] == await ledger.unread_bookings.read_all()
