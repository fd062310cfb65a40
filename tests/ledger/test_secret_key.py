"""The store recognizes the key of its address hashes, and a deliberate change loses as few suppressions as possible."""

from __future__ import annotations

import pytest
import redis

from common.domain.contact import Assessment, SmsConsent
from common.domain.enrollment import ExitReason
from common.domain.ids import DeliveryId, EnrollmentId, enrollment_id, step_delivery_id
from common.domain.reminders import ReminderRules
from common.ledger import keys, secret_key_change
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from common.ledger.secret_key_change import KeyChangeResult, accept_new_key
from common.store.clients import connect
from common.store.identity import secret_key_differs, secret_key_matches, secret_key_matches_async
from tests.ledger.planned import HOUR_MS, NUMBER, book, plan_step
from tests.ledger_reads import is_ended, timeline_of

OLD, NEW = "s" * 32, "n" * 32


async def test_store_adopts_the_first_secret_key_and_recognizes_a_different_one(store, store_url):
    assert not await secret_key_differs(store, OLD)
    assert await store.get(keys.SECRET_KEY) is None

    assert await secret_key_matches_async(store, OLD)
    with connect(store_url) as client:
        assert secret_key_matches(client, OLD)
        assert not secret_key_matches(client, NEW)
    assert not await secret_key_matches_async(store, NEW)
    assert await secret_key_differs(store, NEW)


async def test_emptied_store_adopts_the_next_secret_key(store):
    await secret_key_matches_async(store, OLD)
    await store.flushall()

    assert await secret_key_matches_async(store, NEW)


async def test_stored_check_does_not_contain_the_secret_key(store):
    await secret_key_matches_async(store, OLD)

    assert OLD.encode() not in await store.get(keys.SECRET_KEY)


async def test_store_that_refuses_writes_accepts_any_secret_key_and_stores_none(store):
    await store.config_set("min-replicas-to-write", 1)
    try:
        assert await secret_key_matches_async(store, OLD)
        assert await store.get(keys.SECRET_KEY) is None
    finally:
        await store.config_set("min-replicas-to-write", 0)


@pytest.fixture
async def left(ledger: Ledger, clock) -> Ledger:
    """A ledger of 600 contacts: one unsubscribed, one complained, one was stopped; an unenrolled caller bounced."""
    now_ms = clock.now_ms()
    for number in range(600):
        email = f"p{number}@example.org"
        person = Assessment(email=email, first_name="P", assessment_score=50)
        await ledger.signups.accept(person, webhook_id=f"signup:{number}", received_ms=now_ms)
        await ledger.signups.enroll(
            await ledger.enrollments.get(enrollment_id("christmas_2025", email)), now_ms=now_ms, announce=False
        )
    for number, reason in ((1, ExitReason.UNSUBSCRIBED), (599, ExitReason.COMPLAINED), (7, ExitReason.STOPPED)):
        email = f"p{number}@example.org"
        mark = ledger.store.address_hash(email) if reason is not ExitReason.STOPPED else None
        await ledger.enrollments.exit(enrollment_id("christmas_2025", email), reason, address_hash=mark, now_ms=now_ms)
    await ledger.client.hset(keys.SUPPRESSED, ledger.store.address_hash("caller@example.org"), f"bounced {now_ms}")
    await secret_key_matches_async(ledger.client, OLD)
    return ledger


@pytest.mark.parametrize("times", [1, 2])
async def test_exited_contacts_stay_suppressed_under_a_new_key_and_unknown_hashes_are_counted(
    left: Ledger, clock, times
):
    renewed = Ledger(left.client, campaign="christmas_2025", cadence=left.cadence, secret_key=NEW)
    for _ in range(times):
        carried = await accept_new_key(renewed, NEW, now_ms=clock.now_ms())

    suppressed = await renewed.store.read_hash(keys.SUPPRESSED)
    assert carried.suppressed == 2
    assert (carried.lost == 1) is (times == 1)
    assert suppressed[renewed.store.address_hash("p1@example.org")] == f"unsubscribed {clock.now_ms()}"
    assert renewed.store.address_hash("p599@example.org") in suppressed
    assert (
        not {renewed.store.address_hash("p7@example.org"), renewed.store.address_hash("p8@example.org")}
        & suppressed.keys()
    )
    assert not await secret_key_differs(left.client, NEW)
    # Another campaign of this store respects it, too.
    spring = Ledger(left.client, campaign="spring", cadence=left.cadence, secret_key=NEW)
    person = Assessment(email="p1@example.org", first_name="P", assessment_score=50)
    await spring.signups.accept(person, webhook_id="signup:spring", received_ms=clock.now_ms())
    again = enrollment_id("spring", "p1@example.org")
    await spring.signups.enroll(await spring.enrollments.get(again), now_ms=clock.now_ms(), announce=False)
    answer = await spring.deliveries.claim(step_delivery_id(again, 1), worker="w1", now_ms=clock.now_ms())
    assert answer == ClaimRefused("exited", "unsubscribed")


def under(ledger: Ledger, key: str) -> Ledger:
    return Ledger(ledger.client, campaign="christmas_2025", cadence=ledger.cadence, secret_key=key)


async def test_interrupted_key_change_is_repeated_and_counts_no_address_twice(left: Ledger, clock, monkeypatch):
    renewed = under(left, NEW)

    async def dies(*_: object, **__: object) -> None:
        raise redis.ConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(secret_key_change, "_keep", dies)
        with pytest.raises(redis.ConnectionError):
            await accept_new_key(renewed, NEW, now_ms=clock.now_ms())

    assert await secret_key_differs(left.client, NEW)
    assert await accept_new_key(renewed, NEW, now_ms=clock.now_ms()) == KeyChangeResult(2, lost=1)


async def test_third_key_does_not_report_addresses_lost_by_the_second_again(left: Ledger, clock):
    await accept_new_key(under(left, NEW), NEW, now_ms=clock.now_ms())
    second = under(left, NEW)
    await left.client.hset(
        keys.SUPPRESSED, second.store.address_hash("another@example.org"), f"bounced {clock.now_ms()}"
    )

    assert await accept_new_key(under(left, "t" * 32), "t" * 32, now_ms=clock.now_ms()) == KeyChangeResult(2, lost=1)


async def test_contact_who_left_two_campaigns_is_counted_as_one_address(left: Ledger, clock):
    spring = Ledger(left.client, campaign="spring", cadence=left.cadence, secret_key=OLD)
    for number in range(600):
        person = Assessment(email=f"p{number}@example.org", first_name="P", assessment_score=50)
        await spring.signups.accept(person, webhook_id=f"signup:spring {number}", received_ms=clock.now_ms())
        again = enrollment_id("spring", person.email)
        await spring.signups.enroll(await spring.enrollments.get(again), now_ms=clock.now_ms(), announce=False)
        both = (enrollment_id("christmas_2025", person.email), again)
        for enrollment in both if number < 20 else ():
            mark = left.store.address_hash(person.email)
            await spring.enrollments.exit(enrollment, ExitReason.UNSUBSCRIBED, address_hash=mark, now_ms=clock.now_ms())

    # The 20, of which one had left before and one had been stopped, and p599, who complained.
    assert await accept_new_key(under(left, NEW), NEW, now_ms=clock.now_ms()) == KeyChangeResult(21, lost=1)


async def stopped_then_unsubscribed(ledger: Ledger, one: EnrollmentId, address: str, now_ms: int) -> None:
    await ledger.enrollments.exit(one, ExitReason.STOPPED, address_hash=None, now_ms=now_ms)
    await ledger.enrollments.unsubscribe(one, address_hash=ledger.store.address_hash(address), now_ms=now_ms)


async def left_then_suppressed(ledger: Ledger, one: EnrollmentId, address: str, now_ms: int) -> None:
    await ledger.enrollments.exit(one, ExitReason.LEFT, address_hash=None, now_ms=now_ms)
    await ledger.suppressions.suppress(address, ExitReason.SUPPRESSED, detail="by hand", now_ms=now_ms)


async def unsubscribed_twice(ledger: Ledger, one: EnrollmentId, address: str, now_ms: int) -> None:
    hashed = ledger.store.address_hash(address)
    await ledger.enrollments.unsubscribe(one, address_hash=hashed, now_ms=now_ms - 2)
    await ledger.suppressions.unsuppress(address, detail="asked to come back", now_ms=now_ms - 1)
    await ledger.enrollments.unsubscribe(one, address_hash=hashed, now_ms=now_ms)


@pytest.mark.parametrize("leave", [stopped_then_unsubscribed, left_then_suppressed, unsubscribed_twice])
async def test_suppression_of_a_known_address_survives_a_key_change_whatever_the_exit_reason(ledger, clock, leave):
    step = await plan_step(ledger, clock.now_ms())
    await leave(ledger, step.contact, step.address, clock.now_ms())
    before, renewed = await ledger.suppressions.of(step.address), under(ledger, NEW)

    assert await accept_new_key(renewed, NEW, now_ms=clock.now_ms()) == KeyChangeResult(1, lost=0)

    assert before is not None
    assert await renewed.suppressions.of(step.address) == before


async def test_suppression_of_a_guest_who_never_signed_up_survives_a_key_change(ledger, clock):
    await book(ledger, "caller@example.org", clock.now_ms())
    await ledger.suppressions.suppress(
        "caller@example.org", ExitReason.BOUNCED, detail="bounced", now_ms=clock.now_ms()
    )
    renewed = under(ledger, NEW)

    assert await accept_new_key(renewed, NEW, now_ms=clock.now_ms()) == KeyChangeResult(1, lost=0)

    assert await renewed.suppressions.of("caller@example.org") is not None


async def test_contact_who_was_let_back_is_not_suppressed_by_a_key_change(ledger, clock):
    step = await plan_step(ledger, clock.now_ms())
    hashed = ledger.store.address_hash(step.address)
    await ledger.enrollments.unsubscribe(step.contact, address_hash=hashed, now_ms=clock.now_ms())
    await ledger.suppressions.unsuppress(step.address, detail="asked to come back", now_ms=clock.now_ms() + 1)
    renewed = under(ledger, NEW)

    assert await accept_new_key(renewed, NEW, now_ms=clock.now_ms()) == KeyChangeResult(0, lost=0)

    assert await renewed.suppressions.of(step.address) is None


ADA, SECOND = "ada@example.org", "+14165550199"
TWICE = ReminderRules(before_ms=(), minimum_notice_ms=0, sms_before_ms=(("24h", 24 * HOUR_MS), ("23h", 23 * HOUR_MS)))


async def book_with_number(ledger: Ledger, now_ms: int, **numbers: str | None) -> tuple[str, EnrollmentId]:
    """Book a call for Ada. `booked`, `agreed`, `phone`: what she gave. Return the name of her SMS without its `24h`."""
    agreed, phone = numbers.get("agreed"), numbers.get("phone")
    if agreed or phone:
        consent = SmsConsent.of_signup(True, number=agreed, source=None, at_ms=None)
        person = Assessment(email=ADA, first_name="Ada", assessment_score=50, phone=phone, sms_consent=consent)
        await ledger.signups.accept(person, webhook_id="signup:ada", received_ms=now_ms)
    reminder, contact = await book(ledger, ADA, now_ms, rules=TWICE)
    if booked := numbers.get("booked"):
        await ledger.client.hset(keys.guest(reminder.partition("/")[0]), "sms_number", booked)
    return reminder.removesuffix("24h"), contact


async def freeze_sms(ledger: Ledger, sms: str, number: str, at_ms: int) -> tuple[ClaimGranted, int | ClaimRefused]:
    claim = await ledger.deliveries.claim(DeliveryId(sms), worker="w1", now_ms=at_ms)
    assert isinstance(claim, ClaimGranted)
    return claim, await ledger.deliveries.freeze(claim, "text", now_ms=at_ms, number=number)


async def send_sms(ledger: Ledger, sms: str, number: str, at_ms: int) -> None:
    claim, _ = await freeze_sms(ledger, sms, number, at_ms)
    await ledger.deliveries.settle(claim, "accepted", "SM1", now_ms=at_ms)


GIVEN = [
    pytest.param({"booked": "(416) 555-0123"}, id="when booking"),
    pytest.param({"agreed": NUMBER}, id="with the consent"),
    pytest.param({"phone": "416 555 0123"}, id="as the phone"),
]


@pytest.mark.parametrize("given", GIVEN)
async def test_number_that_answered_stop_gets_no_sms_under_a_new_secret_key(ledger, clock, given):
    now_ms = clock.now_ms()
    sms, _ = await book_with_number(ledger, now_ms, **given)
    await send_sms(ledger, f"{sms}24h.sms", NUMBER, now_ms)
    await ledger.texts.receive(NUMBER, "stop", "STOP", webhook_id="twilio:SM1", now_ms=now_ms)
    renewed = under(ledger, NEW)

    assert await accept_new_key(renewed, NEW, now_ms=now_ms) == KeyChangeResult(1, lost=0)

    _, answer = await freeze_sms(renewed, f"{sms}23h.sms", NUMBER, now_ms + HOUR_MS)
    assert answer == ClaimRefused("exited", "unsubscribed")


@pytest.mark.parametrize("given", GIVEN)
async def test_number_that_got_an_sms_is_known_by_its_contact_under_a_new_secret_key(store, ledger, clock, given):
    now_ms = clock.now_ms()
    sms, contact = await book_with_number(ledger, now_ms, **given)
    await send_sms(ledger, f"{sms}24h.sms", NUMBER, now_ms)
    renewed = under(ledger, NEW)

    assert await accept_new_key(renewed, NEW, now_ms=now_ms) == KeyChangeResult(0, lost=0)

    assert not await store.exists(keys.numbers(ledger.store.number_hash(NUMBER)))
    assert await renewed.texts.accepted_ids(NUMBER) == {"SM1"}
    await renewed.texts.receive(NUMBER, "stop", "STOP", webhook_id="twilio:SM1", now_ms=now_ms)
    assert "sms ended" in [line.what for line in await timeline_of(renewed, contact)]
    _, answer = await freeze_sms(renewed, f"{sms}23h.sms", NUMBER, now_ms + HOUR_MS)
    assert answer == ClaimRefused("exited", "unsubscribed")


async def test_stop_holds_for_every_stored_number_of_the_contact_under_a_new_secret_key(ledger, clock):
    now_ms = clock.now_ms()
    sms, _ = await book_with_number(ledger, now_ms, agreed=NUMBER, booked=SECOND)
    await send_sms(ledger, f"{sms}24h.sms", NUMBER, now_ms)
    await ledger.texts.receive(NUMBER, "stop", "STOP", webhook_id="twilio:SM1", now_ms=now_ms)
    renewed = under(ledger, NEW)

    assert await accept_new_key(renewed, NEW, now_ms=now_ms) == KeyChangeResult(2, lost=0)

    assert await is_ended(renewed, NUMBER)
    assert await is_ended(renewed, SECOND)


async def test_number_that_cannot_get_sms_stays_the_only_one_of_its_contact_under_a_new_secret_key(ledger, clock):
    now_ms = clock.now_ms()
    sms, _ = await book_with_number(ledger, now_ms, agreed=NUMBER, booked=SECOND)
    claim, _ = await freeze_sms(ledger, f"{sms}24h.sms", SECOND, now_ms)
    await ledger.deliveries.settle(claim, "dead", "21614", now_ms=now_ms, ends=ExitReason.REFUSED, number=SECOND)
    renewed = under(ledger, NEW)

    assert await accept_new_key(renewed, NEW, now_ms=now_ms) == KeyChangeResult(1, lost=0)

    assert await is_ended(renewed, SECOND)
    assert not await is_ended(renewed, NUMBER)


async def test_stop_of_an_unknown_number_is_counted_as_lost_by_a_key_change(ledger, clock):
    await ledger.texts.receive(NUMBER, "stop", "STOP", webhook_id="twilio:SM1", now_ms=clock.now_ms())

    assert await accept_new_key(under(ledger, NEW), NEW, now_ms=clock.now_ms()) == KeyChangeResult(0, lost=1)


async def test_interrupted_key_change_loses_no_stop(ledger, clock, monkeypatch):
    now_ms, renewed = clock.now_ms(), under(ledger, NEW)
    sms, _ = await book_with_number(ledger, now_ms, booked=NUMBER, agreed=SECOND)
    await send_sms(ledger, f"{sms}24h.sms", NUMBER, now_ms)
    await ledger.texts.receive(NUMBER, "stop", "STOP", webhook_id="twilio:SM1", now_ms=now_ms)

    async def dies(*_: object, **__: object) -> None:
        raise redis.ConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(secret_key_change, "_keep", dies)
        with pytest.raises(redis.ConnectionError):
            await accept_new_key(renewed, NEW, now_ms=now_ms)

    assert await accept_new_key(renewed, NEW, now_ms=now_ms) == KeyChangeResult(2, lost=0)
    assert await is_ended(renewed, NUMBER)
