"""One mailbox is one contact: all spellings of its address share one enrollment and one unsubscription."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from common.clock import VirtualClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason, Status
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimRefused
from common.ledger.enrollments import Restoration
from common.ledger.ledger import Ledger
from common.migration import mailboxes
from tests.ledger.planned import HOUR_MS, book, restored_of

FIRST, PLAIN = "a.da+news@googlemail.com", "ada@gmail.com"
SPELLINGS = (FIRST, PLAIN, "ad.a@gmail.com", "ada+x@googlemail.com")
SECRET = "s" * 32

Spelled = Callable[[str], Assessment]


@pytest.fixture
def spelled(ada: Assessment) -> Spelled:
    return lambda address: replace(ada, email=address)


@pytest.fixture
def before(ledger: Ledger) -> Ledger:
    """A ledger as before version 0.3: the id and the hash come from the address as it is spelled."""
    return Ledger(
        ledger.client,
        campaign=ledger.campaign,
        cadence=ledger.cadence,
        secret_key=SECRET,
        separate_spellings=True,
    )


def spelled_id(address: str) -> str:
    return enrollment_id("christmas_2025", address)


async def sign_up(ledger: Ledger, person: Assessment, now_ms: int, name: str = ""):
    answer = await ledger.signups.accept(person, webhook_id=f"signup:{name or person.email}", received_ms=now_ms)
    known = await ledger.enrollments.get(answer.enrollment_id)
    if known is not None:
        await ledger.signups.enroll(known, now_ms=now_ms, announce=False)
    return answer


async def migrate(ledger: Ledger):
    return await mailboxes.migrate(ledger.client, lambda _line: None, secret_key=SECRET)


async def test_four_spellings_of_one_mailbox_share_one_enrollment_with_the_first_address(ledger, spelled, clock):
    answers = [await sign_up(ledger, spelled(address), clock.now_ms() + n) for n, address in enumerate(SPELLINGS)]

    assert [one.answer for one in answers] == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert {spelled_id(PLAIN)} == {one.enrollment_id for one in answers}
    assert tuple(one.email for one in answers) == SPELLINGS
    known = await ledger.enrollments.get(answers[0].enrollment_id)
    assert known.assessment.email == FIRST
    assert await ledger.client.zcard(keys.UNDER_WAY) == 1


async def test_dots_mean_something_outside_gmail(ledger, spelled, clock):
    answers = [await sign_up(ledger, spelled(one), clock.now_ms()) for one in ("a.da@example.org", "ada@example.org")]

    assert [one.answer for one in answers] == ["accepted", "accepted"]


async def test_each_spelling_is_a_separate_contact_in_testing_mode(before, spelled, clock):
    answers = [await sign_up(before, spelled(address), clock.now_ms()) for address in SPELLINGS]

    assert {"accepted"} == {one.answer for one in answers}
    assert set(map(spelled_id, SPELLINGS)) == {one.enrollment_id for one in answers}


async def test_spelling_is_a_separate_contact_in_testing_mode_also_after_a_migration(before, ledger, spelled, clock):
    known = await sign_up(before, spelled(FIRST), clock.now_ms())
    await migrate(ledger)
    assert known.enrollment_id == await ledger.mailboxes.find(PLAIN)

    answer = await sign_up(before, spelled(PLAIN), clock.now_ms())
    assert ("accepted", spelled_id(PLAIN)) == (answer.answer, answer.enrollment_id)


async def test_repeated_signup_webhook_is_answered_with_the_spelling_of_its_first_answer(ledger, spelled, clock):
    await sign_up(ledger, spelled(FIRST), clock.now_ms())
    first = await sign_up(ledger, spelled(PLAIN), clock.now_ms())

    assert replace(first, repeated=True) == await sign_up(ledger, spelled(PLAIN), clock.now_ms() + 5)


async def test_migrated_enrollment_keeps_its_id_and_is_found_by_its_mailbox(before, ledger, spelled, clock):
    known = await sign_up(before, spelled(FIRST), clock.now_ms())
    await migrate(ledger)

    again = [await sign_up(ledger, spelled(address), clock.now_ms() + 9, f"2{address}") for address in SPELLINGS]

    assert {("duplicate", known.enrollment_id)} == {(one.answer, one.enrollment_id) for one in again}
    assert [known.enrollment_id] == [one async for one in ledger.enrollments.ids()]
    assert {known.enrollment_id} == set((await ledger.mailboxes.find_all(SPELLINGS)).values())
    first = step_delivery_id(known.enrollment_id, 1)
    assert await ledger.deliveries.claim(first, worker="w1", now_ms=clock.now_ms())


async def test_two_migrated_enrollments_of_one_mailbox_both_continue(before, ledger, spelled, clock):
    now_ms = clock.now_ms()
    older = await sign_up(before, spelled("ad.a@gmail.com"), now_ms)
    newer = await sign_up(before, spelled(FIRST), now_ms + 1)
    await migrate(ledger)

    assert older.enrollment_id == (await sign_up(ledger, spelled(PLAIN), now_ms + 2)).enrollment_id
    assert newer.enrollment_id == (await sign_up(ledger, spelled(FIRST), now_ms + 3, "again")).enrollment_id
    for one in (older, newer):
        claim = await ledger.deliveries.claim(step_delivery_id(one.enrollment_id, 1), worker="w1", now_ms=now_ms + 9)
        assert not isinstance(claim, ClaimRefused)


async def test_contact_who_unsubscribes_with_one_spelling_is_suppressed_in_all(ledger, spelled, clock):
    known = await sign_up(ledger, spelled(FIRST), clock.now_ms())
    await ledger.enrollments.unsubscribe(
        known.enrollment_id, address_hash=ledger.store.address_hash(FIRST), now_ms=clock.now_ms()
    )

    for address in SPELLINGS:
        assert await ledger.client.hexists(keys.SUPPRESSED, ledger.store.address_hash(address))


async def test_unsubscribe_link_from_before_a_migration_ends_both_enrollments_of_the_mailbox(
    before, ledger, spelled, clock
):
    now_ms = clock.now_ms()
    one, other = [await sign_up(before, spelled(address), now_ms) for address in SPELLINGS[:2]]
    await migrate(ledger)

    await ledger.enrollments.unsubscribe(
        one.enrollment_id, address_hash=before.store.address_hash(FIRST), now_ms=now_ms
    )

    refused = await ledger.deliveries.claim(step_delivery_id(other.enrollment_id, 1), worker="w1", now_ms=now_ms)
    assert ClaimRefused("exited", "unsubscribed") == refused
    assert [(await ledger.enrollments.get(who.enrollment_id)).status for who in (one, other)] == [Status.EXITED] * 2


async def test_contact_forgotten_before_a_migration_is_recognized_by_the_same_spelling(before, ledger, spelled, clock):
    await before.contacts.forget(await before.contacts.find_traces(FIRST), now_ms=clock.now_ms())
    result = await migrate(ledger)
    assert result.notes == (
        "1 suppressed address is known by a hash only: suppressed in the spelling that was suppressed, until it"
        " signs up or books",
    )

    await sign_up(ledger, spelled(FIRST), clock.now_ms())
    await sign_up(ledger, spelled(PLAIN), clock.now_ms())

    assert [one async for one in ledger.enrollments.ids()] == []

    await ledger.suppressions.unsuppress(FIRST, detail="consent: by phone", now_ms=clock.now_ms() + 1)
    again = await ledger.signups.accept(spelled(FIRST), webhook_id="signup:again", received_ms=clock.now_ms() + 2)
    assert ("accepted", [again.enrollment_id]) == (again.answer, [one async for one in ledger.enrollments.ids()])


async def test_answer_from_the_spool_has_the_id_that_the_gateway_returned(before, ledger, spelled, clock):
    known = await sign_up(before, spelled(FIRST), clock.now_ms())
    await migrate(ledger)
    given = ledger.mailboxes.new_id(FIRST)
    spooled = {"webhook_id": "signup:s", "received_ms": clock.now_ms() + 5}

    await ledger.signups.accept(spelled(FIRST), **spooled, answer="accepted", answered_id=given)
    again = await ledger.signups.accept(spelled(FIRST), **spooled)

    assert (given, "accepted", FIRST, True) == (again.enrollment_id, again.answer, again.email, again.repeated)
    assert [known.enrollment_id] == [one async for one in ledger.enrollments.ids()]

    of_somebody_else = await ledger.signups.accept(spelled("bea@example.org"), **spooled)
    assert (given, FIRST) == (of_somebody_else.enrollment_id, of_somebody_else.email)


async def test_rebuild_finds_a_migrated_enrollment_and_names_a_new_one_by_its_mailbox(before, ledger, spelled, clock):
    now_ms = clock.now_ms()
    known = await sign_up(before, spelled(FIRST), now_ms)
    await migrate(ledger)
    rows = [Restoration(person=restored_of(spelled(address), now_ms)) for address in (FIRST, PLAIN)]

    assert {"known"} == {await ledger.enrollments.restore(row, now_ms=now_ms) for row in rows}
    assert [known.enrollment_id] == [one async for one in ledger.enrollments.ids()]

    await ledger.client.flushdb()
    became = [await ledger.enrollments.restore(row, now_ms=now_ms) for row in rows]

    assert became == ["restored", "known"]
    assert [spelled_id(PLAIN)] == [one async for one in ledger.enrollments.ids()]


async def test_rebuild_keeps_the_enrollment_id_of_a_row_and_finds_it_by_the_mailbox(ledger, spelled, clock):
    now_ms, shown = clock.now_ms(), spelled_id(FIRST)
    person = restored_of(spelled(FIRST), now_ms, enrollment_id=shown)

    assert await ledger.enrollments.restore(Restoration(person=person), now_ms=now_ms) == "restored"

    assert [shown] == [one async for one in ledger.enrollments.ids()]
    assert shown == (await sign_up(ledger, spelled(PLAIN), now_ms + 1)).enrollment_id


async def test_rebuild_merges_a_row_into_a_contact_who_signed_up_before_it(ledger, spelled, clock):
    now_ms = clock.now_ms()
    known = await sign_up(ledger, spelled(PLAIN), now_ms)
    person = restored_of(spelled(FIRST), now_ms - 5, enrollment_id=spelled_id(FIRST), sent_ms={1: now_ms - 5})

    assert await ledger.enrollments.restore(Restoration(person=person), now_ms=now_ms) == "merged"

    assert [known.enrollment_id] == [one async for one in ledger.enrollments.ids()]


async def test_feedback_on_a_mail_from_before_a_rebuild_reaches_the_enrollment(ledger, spelled, clock):
    now_ms = clock.now_ms()
    person = restored_of(spelled(FIRST), now_ms, sent_ms={1: now_ms})
    await ledger.enrollments.restore(Restoration(person=person), now_ms=now_ms)

    event = Feedback(
        kind=FeedbackKind.COMPLAINED,
        delivery_id=step_delivery_id(spelled_id(FIRST), 1),
        contact_id=spelled_id(FIRST),
        event_ms=now_ms + 5,
        mailed_ms=now_ms,
        received_ms=now_ms + 6,
        provider_id="re_1",
        address=FIRST,
    )
    await ledger.feedback.record(event, webhook_id="resend:1")

    known = await ledger.enrollments.get(spelled_id(PLAIN))
    assert (known.status, known.records[1].status) == (Status.EXITED, DeliveryStatus.COMPLAINED)


async def test_unsubscribe_link_from_before_a_rebuild_still_ends_the_enrollment(before, ledger, spelled, clock):
    await ledger.enrollments.restore(Restoration(person=restored_of(spelled(FIRST), clock.now_ms())), now_ms=1)

    await ledger.enrollments.exit(
        spelled_id(FIRST), ExitReason.UNSUBSCRIBED, address_hash=before.store.address_hash(FIRST), now_ms=2
    )

    assert Status.EXITED is (await ledger.enrollments.get(spelled_id(PLAIN))).status
    assert await ledger.client.hexists(keys.SUPPRESSED, ledger.store.address_hash(PLAIN))


async def test_call_booked_with_another_spelling_belongs_to_the_enrolled_contact(ledger, spelled, clock):
    known = await sign_up(ledger, spelled(FIRST), clock.now_ms())

    reminder, contact = await book(ledger, "ada+call@gmail.com", clock.now_ms())

    assert known.enrollment_id == contact
    assert [call.booking.email async for call in ledger.bookings.calls(contact)] == ["ada+call@gmail.com"]
    claim = await ledger.deliveries.claim(reminder, worker="w1", now_ms=clock.now_ms())
    assert claim.address == "ada+call@gmail.com"


async def test_call_of_an_unenrolled_contact_is_migrated_to_the_mailbox(before, ledger, clock):
    await book(before, FIRST, clock.now_ms())
    assert await ledger.client.exists(keys.contact(spelled_id(FIRST)))

    await migrate(ledger)

    contact = spelled_id(PLAIN)
    assert not await ledger.client.exists(keys.contact(spelled_id(FIRST)))
    assert [call.booking.email async for call in ledger.bookings.calls(contact)] == [FIRST]
    assert (await ledger.bookings.unenrolled(contact)).email == FIRST


async def test_forgetting_one_spelling_erases_all(before, ledger, spelled, clock: VirtualClock):
    now_ms = clock.now_ms()
    for address in SPELLINGS[:2]:
        await sign_up(before, spelled(address), now_ms)
    await migrate(ledger)
    event = BookingEvent(
        kind=BookingKind.CREATED, uid="A", event_ms=now_ms, received_ms=now_ms, start_ms=now_ms + HOUR_MS, email=FIRST
    )
    await ledger.bookings.accept(event, webhook_id="calcom:1")

    traces = await ledger.contacts.find_traces("ad.a@gmail.com")
    assert (traces.enrolled, len(traces.bookings)) == (2, 1)
    await ledger.contacts.forget(traces, now_ms=now_ms)

    left = [key async for key in ledger.client.scan_iter() if b"w:" not in key]
    texts = [str(await ledger.client.dump(key)) for key in left]
    assert [text for text in texts if "da+news" in text] == []
    assert not [key for key in left if b"enrollment:" in key]
    assert not await ledger.client.hexists(keys.ALIASES, spelled_id(PLAIN))
