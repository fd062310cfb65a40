"""Data of contacts who ended long ago is erased; the store keeps only the fact that they are known."""

from __future__ import annotations

import pytest

from common.domain.booking import BookingEvent, BookingKind
from common.domain.cadence import Cadence
from common.domain.enrollment import ExitReason
from common.domain.ids import booking_id, enrollment_id
from common.ledger import keys
from common.ledger.enrollments import Restoration
from common.ledger.ledger import Ledger
from tests.ledger.planned import restored_of
from tests.ledger_reads import sweep

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ADA = enrollment_id("christmas_2025", "ada@example.org")


@pytest.fixture
async def ended_ms(ledger: Ledger, ada, clock) -> int:
    """Enroll Ada, unsubscribe her now and show it in Notion. Return the time."""
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    await ledger.signups.enroll(await ledger.enrollments.get(ADA), now_ms=now_ms, announce=False)
    address_hash = ledger.store.address_hash(ada.email)
    await ledger.enrollments.unsubscribe(ADA, address_hash=address_hash, now_ms=now_ms)
    changed = await ledger.mirror.take(worker="w1", now_ms=now_ms)
    await ledger.mirror.record_shown(changed.person, {"sequence": "p1"}, worker="w1", now_ms=now_ms)
    await sweep(ledger, now_ms)
    return now_ms


async def books(ledger: Ledger, *, start_ms: int, now_ms: int, uid: str = "A", email: str = "ada@example.org") -> None:
    event = BookingEvent(
        kind=BookingKind.CREATED,
        uid=uid,
        event_ms=now_ms,
        received_ms=now_ms,
        start_ms=start_ms,
        end_ms=start_ms + HOUR_MS,
        email=email,
    )
    await ledger.bookings.accept(event, webhook_id=f"calcom:{uid}")


async def test_erased_contact_leaves_only_their_id(ledger, store, ended_ms):
    assert await ledger.contacts.erase_ended(before_ms=ended_ms + 1) is False

    assert [key async for key in store.scan_iter(match="*") if ADA.encode() in key] == []
    assert [one async for one in ledger.enrollments.ids()] == []
    assert await ledger.enrollments.find_erased([ADA]) == {ADA}


async def test_contact_who_ended_after_the_limit_is_not_erased(ledger, ended_ms):
    await ledger.contacts.erase_ended(before_ms=ended_ms)

    assert (await ledger.enrollments.get(ADA)).status == "exited"


async def test_counts_and_suppressions_stay_after_an_erasure(ledger, ended_ms):
    before = await ledger.store.read_hash(keys.COUNTS)
    suppressed = await ledger.store.read_hash(keys.SUPPRESSED)
    await ledger.contacts.erase_ended(before_ms=ended_ms + 1)

    assert await ledger.store.read_hash(keys.COUNTS) == before
    assert before["exited"] == "1"
    assert await ledger.store.read_hash(keys.SUPPRESSED) == suppressed != {}


async def test_erased_contact_who_signs_up_again_does_not_start_again(ledger, store, ada, ended_ms):
    await ledger.contacts.erase_ended(before_ms=ended_ms + 1)

    again = await ledger.signups.accept(ada, webhook_id="signup:2", received_ms=ended_ms + 500 * DAY_MS)

    assert (again.answer, again.enrollment_id) == ("duplicate", ADA)
    assert await ledger.enrollments.get(ADA) is None
    assert await store.exists(keys.delayed("classify"), keys.timeline(ADA)) == 0
    assert await store.zcard(keys.UNDER_WAY) == 0


async def test_contact_with_a_more_recent_call_is_not_erased(ledger, store, ended_ms):
    await books(ledger, start_ms=ended_ms + 9 * DAY_MS, now_ms=ended_ms)
    call = f"{ended_ms + 9 * DAY_MS} {ended_ms + 9 * DAY_MS + HOUR_MS} booked"
    await store.hset(keys.contact(ADA), mapping={"email": "ada@example.org", f"call:{booking_id('A')}": call})
    await store.hset(keys.guest(booking_id("A")), mapping={"contact": ADA, "email": "ada@example.org"})

    await ledger.contacts.erase_ended(before_ms=ended_ms + DAY_MS)
    assert await ledger.enrollments.get(ADA) is not None

    await ledger.contacts.erase_ended(before_ms=ended_ms + 10 * DAY_MS)
    assert await ledger.enrollments.get(ADA) is None
    assert await store.exists(keys.booking(booking_id("A")), keys.guest(booking_id("A")), keys.contact(ADA)) == 0


async def test_a_call_stays_while_the_same_person_has_an_enrollment_in_another_campaign(ledger, store, ended_ms):
    other = enrollment_id("new_year_2026", "ada@example.org")
    await store.hset(keys.enrollment(ADA), "others", other)
    await store.hset(keys.enrollment(other), "status", "active")
    call = {"email": "ada@example.org", f"call:{booking_id('A')}": f"{ended_ms} {ended_ms} booked"}
    await store.hset(keys.contact(ADA), mapping=call)

    await ledger.contacts.erase_ended(before_ms=ended_ms + 1)

    assert await ledger.enrollments.get(ADA) is None
    assert await store.exists(keys.contact(ADA)) == 1


async def test_erasing_a_contact_removes_only_their_seat_from_a_shared_call(ledger, store, ended_ms):
    call, seat = booking_id("A"), f"{booking_id('A')}-aaaaaa"
    await books(ledger, start_ms=ended_ms, now_ms=ended_ms, email="boris@example.org")
    await store.hset(keys.guest(call), mapping={"contact": "enr_boris", "email": "boris@example.org"})
    await store.sadd(keys.seats(call), seat)
    await store.hset(keys.guest(seat), mapping={"contact": ADA, "email": "ada@example.org"})
    theirs = {"email": "ada@example.org", f"call:{seat}": f"{ended_ms} {ended_ms} booked"}
    await store.hset(keys.contact(ADA), mapping=theirs)

    await ledger.contacts.erase_ended(before_ms=ended_ms + 1)

    assert await store.exists(keys.guest(seat)) == 0
    assert await store.exists(keys.guest(call), keys.booking(call)) == 2


async def test_erased_contact_can_still_be_forgotten(ledger, store, ada, ended_ms):
    await ledger.contacts.erase_ended(before_ms=ended_ms + 1)

    await ledger.contacts.forget(await ledger.contacts.find_traces(ada.email), now_ms=ended_ms + DAY_MS)

    assert await store.zcard(keys.ENDED) == 0
    again = await ledger.signups.accept(ada, webhook_id="signup:2", received_ms=ended_ms + 2 * DAY_MS)
    assert again.answer == "duplicate"


async def test_no_contact_is_erased_while_a_clock_may_be_wrong(ledger, store, ended_ms):
    await store.hset(keys.HOLD_ALL, "clock", "a day ahead")

    assert await ledger.contacts.erase_ended(before_ms=ended_ms + 1) is False

    assert (await ledger.enrollments.get(ADA)).status == "exited"


@pytest.mark.parametrize("erased", ["on request", "after the retention period"])
async def test_erasure_covers_the_named_steps_whose_outcome_a_rebuild_could_not_find(store, ada, clock, erased):
    now_ms = clock.now_ms()
    cadence = Cadence((0, HOUR_MS), 12 * HOUR_MS, ids=("welcome", "last-call"))
    ledger = Ledger(store, campaign="christmas_2025", cadence=cadence, secret_key="s" * 32)
    unsubscribed = restored_of(ada, now_ms, exit_reason=ExitReason.UNSUBSCRIBED)
    restoration = Restoration(person=unsubscribed, unknown_since_ms={"welcome": now_ms})
    assert await ledger.enrollments.restore(restoration, now_ms=now_ms) == "restored"
    assert await store.exists(keys.delivery(f"{ADA}/welcome"))

    if erased == "on request":
        await ledger.contacts.forget_address(ada.email, now_ms=now_ms + 1)
    else:
        await sweep(ledger, now_ms)
        await ledger.contacts.erase_ended(before_ms=now_ms + 1)

    assert not await store.exists(keys.enrollment(ADA))
    assert [key async for key in store.scan_iter(match=keys.delivery("*"))] == []
