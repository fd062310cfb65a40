"""An operator or the provider's list suppresses an address; only at its owner's request does it get mail again."""

from __future__ import annotations

from itertools import count

import pytest

from common.domain.enrollment import ExitReason, Status
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import enrollment_id, step_delivery_id
from common.domain.suppression import ListedSuppression, Suppression
from common.ledger import keys
from common.ledger.deliveries import ClaimRefused
from tests.ledger_reads import timeline_of

ADDRESS = "ada@example.org"
ADA = enrollment_id("christmas_2025", ADDRESS)
NUMBERS = count(1)


async def report(ledger, kind, at_ms) -> None:
    feedback = Feedback(
        kind=kind,
        delivery_id=step_delivery_id(ADA, 1),
        contact_id=ADA,
        event_ms=at_ms,
        mailed_ms=at_ms,
        received_ms=at_ms,
        provider_id="re_1",
        address=ADDRESS,
    )
    await ledger.feedback.record(feedback, webhook_id=f"resend:{next(NUMBERS)}")


async def suppress(ledger, now_ms) -> bool:
    return await ledger.suppressions.suppress(ADDRESS, ExitReason.SUPPRESSED, detail="by eve", now_ms=now_ms)


async def test_contact_suppressed_by_an_operator_gets_no_more_mail(ledger, began_ms):
    assert (await suppress(ledger, began_ms + 1), await suppress(ledger, began_ms + 2)) == (True, False)

    enrollment = await ledger.enrollments.get(ADA)
    assert (enrollment.status, enrollment.exit_reason) == (Status.EXITED, ExitReason.SUPPRESSED)
    assert await ledger.suppressions.of(ADDRESS) == Suppression(
        reason=ExitReason.SUPPRESSED, since_ms=began_ms + 1, is_forgotten=False
    )
    refused = await ledger.deliveries.claim(step_delivery_id(ADA, 1), worker="w1", now_ms=began_ms)
    assert refused == ClaimRefused("exited", "suppressed")
    assert ("suppressed", "by eve") in [(entry.what, entry.detail) for entry in await timeline_of(ledger, ADA)]


MAILBOX = (ExitReason.BOUNCED, ExitReason.REFUSED, ExitReason.UNKNOWN)
WISHES = (ExitReason.UNSUBSCRIBED, ExitReason.SUPPRESSED)


@pytest.mark.parametrize("second", [*MAILBOX, *WISHES, ExitReason.COMPLAINED])
@pytest.mark.parametrize("first", [*MAILBOX, *WISHES, ExitReason.COMPLAINED])
async def test_wish_of_a_person_replaces_what_a_mailbox_said_and_a_complaint_replaces_both(
    ledger, began_ms, first, second
):
    for at_ms, reason in enumerate((first, second), start=began_ms):
        await ledger.suppressions.suppress(ADDRESS, reason, detail="", now_ms=at_ms)

    order = [MAILBOX, WISHES, (ExitReason.COMPLAINED,)]
    is_replaced = [second in group for group in order].index(True) > [first in group for group in order].index(True)
    assert await ledger.suppressions.of(ADDRESS) == Suppression(
        reason=second if is_replaced else first, since_ms=began_ms + is_replaced, is_forgotten=False
    )


async def test_unsuppressed_contact_is_not_suppressed_by_earlier_reports(ledger, began_ms):
    await report(ledger, FeedbackKind.BOUNCED, began_ms + 1)
    assert await ledger.suppressions.unsuppress(ADDRESS, detail="consent: by phone", now_ms=began_ms + 5) == "done"
    await report(ledger, FeedbackKind.BOUNCED, began_ms + 2)
    assert await ledger.suppressions.of(ADDRESS) is None

    await report(ledger, FeedbackKind.BOUNCED, began_ms + 9)
    assert await ledger.suppressions.of(ADDRESS) is not None
    said = [(entry.what, entry.detail) for entry in await timeline_of(ledger, ADA)]
    assert ("unsuppressed", "consent: by phone") in said


async def test_consent_of_an_unknown_contact_is_stored_until_they_are_forgotten(ledger, clock):
    now_ms, hashed = clock.now_ms(), ledger.store.address_hash(ADDRESS)
    await suppress(ledger, now_ms)
    await ledger.suppressions.unsuppress(ADDRESS, detail="consent: by phone", now_ms=now_ms + 5)
    assert await ledger.client.hget(keys.UNSUPPRESSED, hashed) == f"{now_ms + 5} consent: by phone".encode()
    assert not await ledger.suppressions.suppress(
        ADDRESS, ExitReason.BOUNCED, detail="", now_ms=now_ms + 9, at_ms=now_ms + 4
    )

    await ledger.contacts.forget(await ledger.contacts.find_traces(ADDRESS), now_ms=now_ms + 9)
    assert await ledger.client.hget(keys.UNSUPPRESSED, hashed) == str(now_ms + 5).encode()


async def test_suppression_with_an_earlier_time_is_not_new(ledger, began_ms):
    await report(ledger, FeedbackKind.BOUNCED, began_ms + 5)
    listed = [ListedSuppression(address=ADDRESS, origin="bounce", created_ms=began_ms + 4)]

    assert await ledger.suppressions.suppress_listed(listed, now_ms=began_ms + 6) == 0

    assert (await ledger.suppressions.of(ADDRESS)).since_ms == began_ms + 4
    assert "suppressed" not in [entry.what for entry in await timeline_of(ledger, ADA)]


async def test_complaint_in_the_list_of_the_provider_replaces_a_bounce(ledger, began_ms):
    await report(ledger, FeedbackKind.BOUNCED, began_ms + 1)
    listed = [ListedSuppression(address=ADDRESS, origin="complaint", created_ms=began_ms + 4)]

    assert await ledger.suppressions.suppress_listed(listed, now_ms=began_ms + 6) == 1

    assert (await ledger.suppressions.of(ADDRESS)).reason is ExitReason.COMPLAINED


@pytest.mark.parametrize("left_first", [True, False])
async def test_contact_who_complained_cannot_be_unsuppressed(ledger, began_ms, left_first):
    hashed = ledger.store.address_hash(ADDRESS)
    if left_first:
        await ledger.enrollments.unsubscribe(ADA, address_hash=hashed, now_ms=began_ms + 1)
    await report(ledger, FeedbackKind.COMPLAINED, began_ms + 2)
    await ledger.enrollments.unsubscribe(ADA, address_hash=hashed, now_ms=began_ms + 3)

    answer = await ledger.suppressions.unsuppress(ADDRESS, detail="consent: x", now_ms=began_ms + 5)
    assert answer == "complained"
    assert (await ledger.suppressions.of(ADDRESS)).reason is ExitReason.COMPLAINED


async def test_forgotten_contact_who_complained_stays_suppressed_as_complained(ledger, began_ms):
    await report(ledger, FeedbackKind.COMPLAINED, began_ms + 2)
    await ledger.contacts.forget(await ledger.contacts.find_traces(ADDRESS), now_ms=began_ms + 9)

    assert await ledger.suppressions.of(ADDRESS) == Suppression(
        reason=ExitReason.COMPLAINED, since_ms=began_ms + 2, is_forgotten=True
    )


async def test_forgotten_contact_who_complains_stays_forgotten(ledger, began_ms):
    await ledger.contacts.forget(await ledger.contacts.find_traces(ADDRESS), now_ms=began_ms + 1)
    await report(ledger, FeedbackKind.COMPLAINED, began_ms + 2)

    assert await ledger.suppressions.of(ADDRESS) == Suppression(
        reason=ExitReason.COMPLAINED, since_ms=began_ms + 2, is_forgotten=True
    )


async def test_address_that_was_never_suppressed_cannot_be_unsuppressed(ledger, began_ms):
    answer = await ledger.suppressions.unsuppress(ADDRESS, detail="consent: x", now_ms=began_ms)
    assert answer == "not suppressed"


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("bounce", ExitReason.BOUNCED),
        ("complaint", ExitReason.COMPLAINED),
        ("manual", ExitReason.SUPPRESSED),
        ("new word", ExitReason.SUPPRESSED),
    ],
)
async def test_address_on_the_suppression_list_of_the_provider_is_suppressed_once(ledger, began_ms, origin, reason):
    listed = [ListedSuppression(address=ADDRESS, origin=origin, created_ms=began_ms - 7)]

    assert await ledger.suppressions.suppress_listed(listed, now_ms=began_ms + 1) == 1
    assert await ledger.suppressions.suppress_listed(listed, now_ms=began_ms + 2) == 0
    assert (await ledger.suppressions.of(ADDRESS)).since_ms == began_ms - 7
    assert (await ledger.enrollments.get(ADA)).exit_reason is reason


async def test_exited_contact_waits_to_be_listed_at_the_provider_until_forgotten(ledger, began_ms):
    hashed = ledger.store.address_hash(ADDRESS)
    await ledger.enrollments.unsubscribe(ADA, address_hash=hashed, now_ms=began_ms + 1)

    assert [(one.contact_id, one.address) for one in await ledger.suppressions.unlisted()] == [(ADA, ADDRESS)]
    await ledger.contacts.forget(await ledger.contacts.find_traces(ADDRESS), now_ms=began_ms + 2)
    assert await ledger.suppressions.unlisted() == []
