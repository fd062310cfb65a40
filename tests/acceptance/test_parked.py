"""Thousands of deliveries scheduled for later days do not delay one that is due now."""

from __future__ import annotations

import asyncio

from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.domain.cadence import Pace
from common.domain.contact import Assessment
from common.ledger.ledger import Ledger
from common.store.clients import connect_async
from tests.acceptance.place import SECRETS, Place
from tests.acceptance.waiting import eventually, on_time, punctual

PARKED = 9_000
DAY_MS = 86_400_000


@punctual
def test_due_delivery_starts_on_time_behind_nine_thousand_scheduled_ones(
    place: Place,
) -> None:
    place.serve_all()

    due_ms = asyncio.run(_park(place))

    accepted = eventually(lambda: place.accepted("step-1"), "the mail that is due")[0]
    on_time(accepted["lateness_ms"] / 1000, 0.25, "the start of the delivery")
    first = place.sandbox.inbox()[0]
    on_time((first["accepted_at"] - due_ms) / 1000, 0.5, "the mail itself")
    assert {"boris@people.example"} == {address for mail in place.sandbox.inbox() for address in mail["to"]}
    assert place.ask("status")["queues"]["send"]["delayed"] >= PARKED


async def _park(place: Place) -> int:
    """Enroll 9,000 contacts with first mails due in three days and one due in five seconds. Return its due time, ms."""
    assert place.store is not None
    client = connect_async(place.store.url)
    campaign = load_campaign("christmas_2025")
    ledger = Ledger(
        client,
        campaign=campaign.key,
        cadence=campaign.cadence(Pace(testing=True, speed=60)),
        secret_key=SECRETS["SECRET_KEY"],
    )
    try:
        now_ms = SystemClock().now_ms()
        for first in range(0, PARKED, 50):
            numbers = range(first, first + 50)
            await asyncio.gather(*(_enroll(ledger, f"p{n}@people.example", now_ms + 3 * DAY_MS + n) for n in numbers))
        due_ms = SystemClock().now_ms() + 5_000
        await _enroll(ledger, "boris@people.example", due_ms)
        return due_ms
    finally:
        await client.aclose()


async def _enroll(ledger: Ledger, address: str, anchor_ms: int) -> None:
    person = Assessment(email=address, first_name="Boris", assessment_score=42)
    accepted = await ledger.signups.accept(person, webhook_id=f"signup:{address}", received_ms=anchor_ms)
    enrollment = await ledger.enrollments.get(accepted.enrollment_id)
    assert enrollment is not None
    await ledger.signups.enroll(enrollment, now_ms=anchor_ms, announce=False)
