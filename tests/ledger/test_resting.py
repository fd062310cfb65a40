"""An address that keeps bouncing gets no mail until an operator releases it; a delivered mail resets the count."""

from __future__ import annotations

from itertools import count, permutations

from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import EnrollmentId, booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused

ADDRESS = "ada@example.org"
ADA = enrollment_id("christmas_2025", ADDRESS)
DAY_MS = 86_400_000
NUMBERS = count(1)
SOFT, DELIVERED = FeedbackKind.SOFT_BOUNCED, FeedbackKind.DELIVERED


async def report(ledger, kind, step, at_ms) -> None:
    feedback = Feedback(
        kind=kind,
        delivery_id=step_delivery_id(ADA, step),
        contact_id=EnrollmentId(ADA),
        event_ms=at_ms,
        mailed_ms=at_ms,
        received_ms=at_ms,
        provider_id="re_1",
        address=ADDRESS,
        detail="Transient MailboxFull",
    )
    await ledger.feedback.record(feedback, webhook_id=f"resend:{next(NUMBERS)}")


async def rests(ledger) -> bool:
    return await ledger.suppressions.resting(ADDRESS) is not None


async def claim(ledger, step, now_ms):
    return await ledger.deliveries.claim(step_delivery_id(ADA, step), worker="w1", now_ms=now_ms)


async def test_nothing_is_sent_to_a_resting_address_until_it_is_released(ledger, began_ms):
    for step in range(1, 6):
        await report(ledger, SOFT, step, began_ms + step)

    assert await claim(ledger, 1, began_ms) == ClaimRefused("held", "resting", began_ms + 600_000)
    assert await ledger.client.zscore(keys.delayed("send"), step_delivery_id(ADA, 1)) == began_ms + 600_000
    assert await ledger.suppressions.release(ADDRESS, detail="by ada", now_ms=began_ms + 9)
    assert not await ledger.suppressions.release(ADDRESS, detail="by ada", now_ms=began_ms + 9)

    assert isinstance(await claim(ledger, 1, began_ms + 600_000), ClaimGranted)
    await report(ledger, SOFT, 6, began_ms + 10)
    assert not await rests(ledger), "its bounces count from none"


async def test_claimed_mail_is_not_sent_after_its_address_began_to_rest(ledger, began_ms):
    granted = await claim(ledger, 1, began_ms)
    for step in range(1, 6):
        await report(ledger, SOFT, step, began_ms + step)

    assert await ledger.deliveries.freeze(granted, "mail", now_ms=began_ms) == ClaimRefused(
        "held", "resting", began_ms + 600_000
    )


async def test_a_reminder_to_a_resting_address_waits_too(ledger, began_ms):
    start_ms = began_ms + DAY_MS
    guest = booking_id("uid-1")
    await ledger.client.hset(
        keys.guest(guest),
        mapping={
            "campaign": "christmas_2025",
            "contact": ADA,
            "uid": "uid-1",
            "state": "booked",
            "start_ms": start_ms,
            "received_ms": began_ms,
            "email": ADDRESS,
            "address_hash": ledger.store.address_hash(ADDRESS),
            f"/{start_ms}/2h": f"planned {began_ms}",
        },
    )
    for step in range(1, 6):
        await report(ledger, SOFT, step, began_ms + step)
    reminder = reminder_delivery_id(guest, start_ms=start_ms, name="2h")

    refused = await ledger.deliveries.claim(reminder, worker="w1", now_ms=began_ms)
    assert refused == ClaimRefused("held", "resting", began_ms + 600_000)


async def test_soft_bounces_of_one_mail_count_once(ledger, began_ms):
    for at_ms in range(10):
        await report(ledger, SOFT, 1, began_ms + at_ms)

    assert not await rests(ledger)


async def test_delivered_mail_ends_a_row_of_soft_bounces_whenever_it_is_reported(ledger, began_ms):
    events = [(SOFT, 1, 1), (SOFT, 2, 2), (DELIVERED, 3, 3), (SOFT, 4, 4)]
    left = set()
    for order in permutations(events):
        await ledger.client.delete(
            keys.feedback(ADA), f"{keys.PREFIX}soft_bounces:{ledger.store.address_hash(ADDRESS)}"
        )
        for kind, step, at_ms in order:
            await report(ledger, kind, step, began_ms + at_ms)
        counted = await ledger.store.read_hash(f"{keys.PREFIX}soft_bounces:{ledger.store.address_hash(ADDRESS)}")
        left.add(tuple(counted))

    assert left == {(step_delivery_id(ADA, 4),)}


async def test_soft_bounces_before_and_after_a_delivered_mail_are_not_added_up(ledger, began_ms):
    for step in range(1, 5):
        await report(ledger, SOFT, step, began_ms + step)
    await report(ledger, DELIVERED, 5, began_ms + 5)
    for step in (6, 7):
        await report(ledger, SOFT, step, began_ms + step)

    assert not await rests(ledger)


async def test_content_bounces_do_not_make_an_address_rest(ledger, began_ms):
    for step in range(1, 8):
        await report(ledger, FeedbackKind.CONTENT_BOUNCED, step, began_ms + step)

    assert not await rests(ledger)
    assert await ledger.client.zcard(keys.content_bounces("christmas_2025")) == 1
