"""A booking event as it is stored: its text and digest must not change, because stores and spools hold them."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from common.domain.booking import BookingEvent, BookingKind

CREATED = BookingEvent(
    kind=BookingKind.CREATED, uid="uid-1", event_ms=2, received_ms=3, start_ms=10, email="é@example.org", sequence=0
)
MARKED = BookingEvent(
    kind=BookingKind.NO_SHOW,
    uid="uid-1",
    event_ms=2,
    received_ms=3,
    request_reschedule=True,
    no_shows=(("ada@example.org", True), ("boris@example.org", False)),
)


def test_booking_event_text_is_one_line_of_the_reported_fields() -> None:
    assert CREATED.to_json() == (
        '{"email":"é@example.org","event_ms":2,"kind":"created","received_ms":3,"sequence":0,"start_ms":10,"uid":"uid-1"}'
    )
    assert MARKED.to_json() == (
        '{"event_ms":2,"kind":"no_show","no_shows":[["ada@example.org",true],["boris@example.org",false]],'
        '"received_ms":3,"request_reschedule":true,"uid":"uid-1"}'
    )


@pytest.mark.parametrize("event", [CREATED, MARKED], ids=["created", "no_show"])
def test_booking_event_is_read_back_from_its_text(event: BookingEvent) -> None:
    assert BookingEvent.from_json(event.to_json()) == event
    assert isinstance(BookingEvent.from_json(event.to_json()).kind, BookingKind)


def test_booking_event_digest_does_not_depend_on_the_time_of_arrival() -> None:
    assert CREATED.digest() == "11f4a1e3d057fd8a"
    assert replace(CREATED, received_ms=99).digest() == CREATED.digest()
    assert replace(CREATED, event_ms=99).digest() != CREATED.digest()


def test_error_of_an_invalid_booking_event_says_what_is_wrong() -> None:
    reported = asdict(CREATED)

    with pytest.raises(ValueError, match=r"^a booking event has no colour, size$"):
        BookingEvent.from_fields({**reported, "size": 1, "colour": "red"})
    with pytest.raises(ValueError, match="'moved' is not a valid BookingKind"):
        BookingEvent.from_fields({**reported, "kind": "moved"})
    with pytest.raises(TypeError, match="uid"):
        BookingEvent.from_json('{"kind":"created","event_ms":1,"received_ms":1}')
