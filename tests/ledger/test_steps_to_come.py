"""The timeline says what a waiting step waits for, and why a cancelled step is not sent."""

from __future__ import annotations

import pytest

from common.domain.enrollment import ExitReason
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.constants import MAIL
from common.ledger.deliveries import ClaimGranted
from common.ledger.holds import Hold
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause, campaign_scope
from common.ledger.reads.contact_timeline import NotSent, Planned, read_contact_timeline

DAY_MS = 86_400_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = step_delivery_id(ADA, 1)
CAMPAIGN = campaign_scope("christmas_2025")


async def claim(ledger: Ledger, delivery, now_ms) -> ClaimGranted:
    granted = await ledger.deliveries.claim(delivery, worker="w1", now_ms=now_ms)
    assert isinstance(granted, ClaimGranted), granted
    return granted


async def settle(ledger: Ledger, delivery, outcome, now_ms, *, detail="id", due_ms=None) -> None:
    granted = await claim(ledger, delivery, now_ms)
    await ledger.deliveries.freeze(granted, "mail", now_ms=now_ms)
    await ledger.deliveries.settle(granted, outcome, detail, now_ms=now_ms, due_ms=due_ms)


async def planned(ledger: Ledger, now_ms: int) -> list[Planned]:
    timeline = await read_contact_timeline(ledger, ADA, now_ms=now_ms)
    assert timeline is not None
    return timeline.next


async def pause(ledger: Ledger, scope: str | None, now_ms: int) -> None:
    await ledger.pauses.start(scope, Pause(since_ms=now_ms, by="sarah", reason=""))


async def hold_all(ledger: Ledger, now_ms: int) -> None:
    await ledger.holds.start("clock", Hold(since_ms=now_ms, why="the clocks disagree", cure="Set them right."))


async def rest(ledger: Ledger, now_ms: int) -> None:
    enrollment = await ledger.store.read_hash(keys.enrollment(ADA))
    await ledger.client.hset(keys.RESTING, enrollment["address_hash"], f"{now_ms} 5")


async def open_circuit(ledger: Ledger, now_ms: int) -> None:
    await ledger.circuits.report_failure(MAIL, id="x", reason="invalid_api_key", provider_wide=True, now_ms=now_ms)


@pytest.mark.parametrize(
    ("why", "happens"),
    [
        ("this person is paused by sarah", lambda ledger, now_ms: pause(ledger, ADA, now_ms)),
        (
            "the campaign is paused by sarah",
            lambda ledger, now_ms: pause(ledger, CAMPAIGN, now_ms),
        ),
        ("everybody is paused by sarah", lambda ledger, now_ms: pause(ledger, None, now_ms)),
        (
            "a call is booked, or was cancelled within the last ten minutes",
            lambda ledger, now_ms: ledger.enrollments.hold(ADA, "booked", now_ms=now_ms),
        ),
        ("all sending is held: the clocks disagree", hold_all),
        ("the address is resting", rest),
        ("the provider is not working: invalid_api_key", open_circuit),
    ],
)
async def test_due_step_shows_what_stops_all_mail(ledger: Ledger, began_ms, why, happens):
    await happens(ledger, began_ms)

    assert (await planned(ledger, began_ms))[0] == Planned(began_ms, "step 1 planned", f"waits: {why}")


async def test_step_that_waits_only_for_its_day_says_so(ledger: Ledger, began_ms):
    await settle(ledger, FIRST, "accepted", began_ms)
    await open_circuit(ledger, began_ms)

    assert (await planned(ledger, began_ms))[0] == Planned(began_ms + DAY_MS, "step 2 planned", "24 h after the signup")


@pytest.mark.parametrize(
    ("outcome", "detail", "why"),
    [
        ("retry", "503", "tried again after 1 failed attempt: 503"),
        ("defer", "outside the sending window", "waits: outside the sending window"),
    ],
)
async def test_deferred_or_retried_step_shows_its_new_time_and_reason(ledger: Ledger, began_ms, outcome, detail, why):
    later_ms = began_ms + 60_000
    await settle(ledger, FIRST, outcome, began_ms, detail=detail, due_ms=later_ms)

    assert (await planned(ledger, began_ms))[0] == Planned(later_ms, "step 1 planned", why)


async def test_after_a_late_mail_the_next_one_waits_for_the_minimum_gap(ledger: Ledger, began_ms):
    late_ms = began_ms + DAY_MS - 1_000
    await settle(ledger, FIRST, "accepted", late_ms)
    until_ms = late_ms + ledger.cadence.minimum_gap_ms

    first = (await planned(ledger, began_ms + DAY_MS))[0]

    assert first == Planned(until_ms, "step 2 planned", "keeps the minimum gap to the mail before")


async def test_step_waits_for_the_minimum_gap_after_a_mail_of_another_campaign(ledger: Ledger, began_ms):
    other = enrollment_id("new_year_2026", "ada@example.org")
    await ledger.client.hset(keys.enrollment(ADA), "others", other)
    fields = {"campaign": "new_year_2026", "last_sent_ms": str(began_ms - 1_000)}
    await ledger.client.hset(keys.enrollment(other), mapping=fields)
    until_ms = began_ms - 1_000 + ledger.cadence.minimum_gap_ms

    first = (await planned(ledger, began_ms))[0]

    assert first == Planned(until_ms, "step 1 planned", "keeps the minimum gap to the mail before")


async def test_claimed_step_is_shown_as_being_sent(ledger: Ledger, began_ms):
    await claim(ledger, FIRST, began_ms)

    assert (await planned(ledger, began_ms))[0] == Planned(began_ms, "step 1 planned", "is being sent: by w1")


async def test_remaining_steps_after_an_exit_are_shown_as_not_sent_with_its_reason(ledger: Ledger, began_ms):
    await settle(ledger, FIRST, "accepted", began_ms)
    await ledger.enrollments.exit(ADA, ExitReason.UNSUBSCRIBED, address_hash=None, now_ms=began_ms)

    timeline = await read_contact_timeline(ledger, ADA, now_ms=began_ms)

    assert timeline is not None
    assert timeline.next == []
    assert timeline.not_sent == [NotSent(f"step {number} not sent", "unsubscribed") for number in range(2, 8)]
