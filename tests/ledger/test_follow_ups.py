"""Guarantees of follow-ups only: one for a series of bookings, none to a contact who left or has another call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from common.domain.booking import BookingEvent, BookingKind
from common.domain.delivery import Channel, Trigger
from common.domain.enrollment import ExitReason
from common.domain.follow_ups import SENT_BEFORE
from common.domain.ids import DeliveryId
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from tests.ledger.planned import HOUR_MS, Planned, plan_follow_up, write_calls


@pytest.fixture
def now_ms(clock) -> int:
    return clock.now_ms()


@pytest.fixture
async def follow_up(ledger: Ledger, now_ms) -> Planned:
    return await plan_follow_up(ledger, now_ms)


async def leaves(ledger: Ledger, planned: Planned) -> None:
    await ledger.client.hset(keys.enrollment(planned.contact), mapping={"status": "exited", "exit_reason": "left"})


async def books_again(ledger: Ledger, planned: Planned) -> None:
    await _has_call(ledger, planned, planned.now_ms + HOUR_MS, "booked")


async def was_thanked(ledger: Ledger, planned: Planned) -> None:
    guest = planned.id.partition("/")[0]
    await ledger.client.hset(keys.guest(guest), "/completed/thanks", f"delivered {planned.now_ms} 1 +0 re_1")


async def is_moved(ledger: Ledger, planned: Planned) -> None:
    await ledger.client.hset(keys.guest(planned.id.partition("/")[0]), "state", "moved")


async def _has_call(ledger: Ledger, planned: Planned, start_ms: int, state: str) -> None:
    call = f"{start_ms} {start_ms + HOUR_MS} {state}"
    await ledger.client.hset(keys.contact(planned.contact), "call:bkg_another", call)


async def is_granted(ledger: Ledger, planned: Planned) -> bool:
    """Return whether a worker may send the follow-up now."""
    answer = await ledger.deliveries.claim(planned.id, worker="w1", now_ms=planned.now_ms)
    return isinstance(answer, ClaimGranted)


CALLED_OFF: list[tuple[Callable[[Ledger, Planned], Awaitable[None]], str]] = [
    (leaves, "left"),
    (books_again, "booked again"),
    (was_thanked, SENT_BEFORE),
    (is_moved, "moved"),
]


@pytest.mark.parametrize(("happens", "reason"), CALLED_OFF)
async def test_follow_up_that_no_longer_fits_is_skipped_by_its_claim(ledger, follow_up, happens, reason):
    await happens(ledger, follow_up)

    answer = await ledger.deliveries.claim(follow_up.id, worker="w1", now_ms=follow_up.now_ms)

    assert answer == ClaimRefused("exited", reason)
    assert (await follow_up.record()).detail == reason


@pytest.mark.parametrize(("happens", "reason"), CALLED_OFF)
async def test_follow_up_that_no_longer_fits_after_its_claim_is_stopped_by_the_freeze(
    ledger, follow_up, happens, reason
):
    claim = await follow_up.claimed()
    await happens(ledger, follow_up)

    assert await ledger.deliveries.freeze(claim, "mail", now_ms=follow_up.now_ms) == ClaimRefused("exited", reason)


@pytest.mark.parametrize(
    ("suffix", "sent"),
    [
        (Channel.EMAIL.suffix, {ExitReason.STOPPED}),
        (Channel.SMS.suffix, {ExitReason.STOPPED, ExitReason.BOUNCED, ExitReason.REFUSED}),
    ],
    ids=["mail", "sms"],
)
@pytest.mark.parametrize("reason", ExitReason)
async def test_follow_up_is_sent_after_an_exit_that_does_not_concern_its_channel(
    ledger, follow_up, now_ms, suffix, sent, reason
):
    guest, _, name = follow_up.id.partition("/")
    await ledger.client.hset(keys.guest(guest), f"/{name}{suffix}", f"planned {now_ms}")
    await ledger.client.hset(keys.enrollment(follow_up.contact), mapping={"status": "exited", "exit_reason": reason})

    answer = await ledger.deliveries.claim(DeliveryId(f"{follow_up.id}{suffix}"), worker="w1", now_ms=now_ms)

    assert isinstance(answer, ClaimGranted) if reason in sent else answer == ClaimRefused("exited", reason)


@pytest.mark.parametrize("state", ["cancelled", "rejected", "moved"])
async def test_later_call_that_was_cancelled_does_not_stop_a_follow_up(ledger, follow_up, state):
    await _has_call(ledger, follow_up, follow_up.now_ms + HOUR_MS, state)

    assert await is_granted(ledger, follow_up)


async def test_earlier_call_does_not_stop_a_follow_up(ledger, follow_up):
    await _has_call(ledger, follow_up, follow_up.now_ms - 100 * HOUR_MS, "completed")

    assert await is_granted(ledger, follow_up)


async def test_unsent_follow_up_for_another_reason_does_not_stop_a_follow_up(ledger, follow_up):
    guest = keys.guest(follow_up.id.partition("/")[0])
    await ledger.client.hset(guest, "/completed/thanks", f"skipped {follow_up.now_ms} 0 0 no-show")

    assert await is_granted(ledger, follow_up)


@pytest.mark.parametrize("sent", [True, False])
async def test_moved_call_gets_no_follow_up_that_its_series_already_had(ledger, follow_up, now_ms, sent):
    if sent:
        claim = await follow_up.frozen()
        await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms)
    moved = BookingEvent(
        kind=BookingKind.RESCHEDULED,
        uid="uid-later",
        reschedule_uid="uid-ada",
        event_ms=now_ms,
        received_ms=now_ms,
        start_ms=now_ms + HOUR_MS,
        end_ms=now_ms + 2 * HOUR_MS,
        email=follow_up.address,
    )
    marked_ms = now_ms + 2 * HOUR_MS
    marked = replace(
        moved,
        kind=BookingKind.NO_SHOW,
        reschedule_uid=None,
        event_ms=marked_ms,
        received_ms=marked_ms,
        no_shows=((follow_up.address, True),),
    )

    planned, _ = await write_calls(ledger, [moved, marked], marked_ms)

    later = next(one for one in planned if one.partition("/")[0] != follow_up.id.partition("/")[0])
    answer = await ledger.deliveries.claim(later, worker="w1", now_ms=marked_ms + 2 * HOUR_MS)
    assert isinstance(answer, ClaimRefused) is sent


def test_every_trigger_has_a_state_that_it_follows():
    from common.domain.delivery import delivery_of
    from common.domain.series import BookingState

    states = {delivery_of(DeliveryId(f"bkg_a/{trigger}/name")).call_state for trigger in Trigger}

    assert states == {BookingState.NO_SHOW, BookingState.COMPLETED, BookingState.CANCELLED}
