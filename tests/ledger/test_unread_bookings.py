"""A booking event that could not be read is stored once for an operator, as long as it is among the newest."""

from __future__ import annotations

import pytest

from common.ledger import keys, unread_bookings


async def test_newest_unread_bookings_are_stored_and_equal_bodies_once(ledger, monkeypatch):
    monkeypatch.setattr(unread_bookings, "EVENTS_MAX", 3)
    for number in (1, 2, 3, 4, 4, 1, 5):
        await ledger.unread_bookings.keep(f"body {number}", reason="no JSON", received_ms=1_000 + number)

    assert [event.raw for event in await ledger.unread_bookings.read_all()] == ["body 3", "body 4", "body 5"]
    assert await ledger.client.zcard(keys.UNREAD_BOOKINGS) == 3


async def test_a_repeated_body_keeps_the_time_of_its_first_arrival(ledger):
    for body, received_ms in (("a", 1), ("b", 2), ("a", 3)):
        await ledger.unread_bookings.keep(body, reason="no JSON", received_ms=received_ms)

    assert [event.raw for event in await ledger.unread_bookings.newest(first=0, number=2)] == ["b", "a"]


async def test_unread_booking_with_any_bytes_is_stored_up_to_its_size_limit(ledger):
    raw = "\udfff" + "ä" * unread_bookings.RAW_BYTES_MAX
    await ledger.unread_bookings.keep(raw, reason="no JSON", received_ms=1)

    [event] = await ledger.unread_bookings.read_all()
    assert event.raw.startswith("\\udfffä")
    assert len(event.raw.encode()) <= unread_bookings.RAW_BYTES_MAX


async def test_handled_unread_booking_is_discarded(ledger):
    for number in (1, 2):
        await ledger.unread_bookings.keep(f"body {number}", reason="no JSON", received_ms=number)
    first, second = await ledger.unread_bookings.read_all()

    assert await ledger.unread_bookings.discard([first.id, "unr_unknown"]) == [first.id]
    assert [second] == await ledger.unread_bookings.read_all()


async def traces(ledger, address, *raws):
    """Store these bodies. Return those that would be erased with this address."""
    for number, raw in enumerate(raws):
        await ledger.unread_bookings.keep(raw, reason="no JSON", received_ms=number)
    found = await ledger.contacts.find_traces(address)
    return [event.raw for event in await ledger.unread_bookings.read_all() if event.id in found.unread]


@pytest.mark.parametrize(
    "written",
    [
        '{"email": "ada@example.com"}',
        '{"email": "Ada+call@Example.com"}',
        '{"notes": "mail to:\\nada@example.com."}',
        '{"notes": "\'ada@example.com\'"}',
        '{"link": "https:\\/\\/site.example\\/?email=ada@example.com&x=1"}',
        '{"email": "\\u0061da@example.com", "cut',
    ],
)
async def test_unread_booking_that_contains_any_spelling_of_a_mailbox_is_found(ledger, written):
    assert await traces(ledger, "ada@example.com", written) == [written]


async def test_unread_booking_with_a_longer_address_belongs_to_another_contact(ledger):
    longer = ('{"email": "dada@example.com"}', '{"email": "ada@example.com.au"}', '{"email": "x.ada@example.com"}')

    assert await traces(ledger, "ada@example.com", *longer) == []


async def test_unread_booking_is_found_by_both_forms_of_an_international_domain(ledger):
    body = '{"email": "ada@müller.example"}'

    assert await traces(ledger, "ada@xn--mller-kva.example", body) == [body]
