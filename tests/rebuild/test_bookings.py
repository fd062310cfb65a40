"""After the loss of the store, Cal.com's list restores the future calls, and no reminder is sent twice."""

from __future__ import annotations

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.ids import booking_id, enrollment_id
from common.ledger.reads.store_stats import read_store_stats
from tests import columns
from tests.rebuild.conftest import HOUR_MS, Installation

BORIS, CHEN = "boris@salon.example", "chen@salon.example"


@pytest.fixture
def start_ms(installation: Installation) -> int:
    """The start of a call in four days; its reminders are due after 24, 72 and 94 hours."""
    return installation.anchor_ms + 96 * HOUR_MS


async def reminded(installation: Installation, email: str) -> list[tuple[float, str]]:
    """Return (hour of the acceptance, reminder) of each reminder in the inbox."""
    mails = await installation.ask("GET", f"/inbox.json?to={email}")
    return [
        (round((mail["accepted_at"] - installation.anchor_ms) / HOUR_MS, 2), mail["tags"]["reminder"])
        for mail in mails
        if "reminder" in mail["tags"]
    ]


@pytest.mark.parametrize("lost_at_h", [0.5, 23.999, 24.001, 30])
async def test_future_calls_are_restored_and_each_reminder_is_sent_once(
    installation: Installation, ada, start_ms, lost_at_h: float
):
    await installation.simulation.sign_up(ada)
    await installation.books(ada.email, start_ms, uid="ada")
    await installation.books(BORIS, start_ms, uid="boris")
    await installation.until(lost_at_h)
    await installation.loses_its_store()

    await installation.rebuilds()
    await installation.reads_the_calendar()
    await installation.until(97)

    for email in (ada.email, BORIS):
        reported = await reminded(installation, email)
        assert reported == [(24, "72h"), (72, "24h"), (94, "2h")]
    standing = {call.booking.id async for call in installation.world.ledger.bookings.calls(_id(BORIS))}
    assert standing == {booking_id("boris")}
    assert (await read_store_stats(installation.world.ledger, now_ms=installation.clock.now_ms())).dead_letters == 0


async def test_reminder_due_before_its_call_was_restored_is_skipped_and_later_ones_are_sent(
    installation: Installation, start_ms
):
    """Whether it was sent before the loss is unknown; sending it late, and perhaps twice, is worse than not at all."""
    await installation.books(BORIS, start_ms, uid="boris")
    await installation.until(71)
    await installation.loses_its_store()
    await installation.simulation.run(until_ms=installation.anchor_ms + 73 * HOUR_MS)
    await installation.reads_the_calendar()
    await installation.until(97)

    assert await reminded(installation, BORIS) == [(24, "72h"), (94, "2h")]
    [call] = [call async for call in installation.world.ledger.bookings.calls(_id(BORIS))]
    final_statuses = {name.partition("/")[2]: (record.status, record.detail) for name, record in call.records.items()}
    assert final_statuses["72h"] == final_statuses["24h"] == (DeliveryStatus.SKIPPED, "its hour had passed")


async def test_call_cancelled_after_the_loss_of_the_store_is_not_restored(installation: Installation, start_ms):
    await installation.books(BORIS, start_ms, uid="boris")
    await installation.books(CHEN, start_ms, uid="chen")
    await installation.until(30)
    await installation.loses_its_store()
    await installation.ask("POST", "/calcom/_bookings/chen/cancel", {"webhook": False})
    await installation.reads_the_calendar()
    await installation.until(97)

    assert await reminded(installation, CHEN) == [(24, "72h")]
    assert len(await reminded(installation, BORIS)) == 3


async def test_audit_has_no_findings_after_bookings_were_restored(installation: Installation, ada, start_ms, run_audit):
    await columns.fix(installation.world.mirror)
    await installation.simulation.sign_up(ada)
    await installation.books(ada.email, start_ms, uid="ada")
    await installation.books(BORIS, start_ms, uid="boris")
    await installation.until(30)
    await installation.loses_its_store()
    await installation.rebuilds()
    await installation.reads_the_calendar()
    for hours in (31, 97):
        await installation.until(hours)
        assert (await run_audit()).findings == []


async def test_calls_and_their_reminders_are_lost_without_the_list_of_the_calendar(
    installation: Installation, start_ms
):
    await installation.books(BORIS, start_ms, uid="boris")
    await installation.until(30)
    await installation.loses_its_store()
    await installation.rebuilds()
    await installation.until(97)

    assert await reminded(installation, BORIS) == [(24, "72h")]


def _id(email: str):
    return enrollment_id("christmas_2025", email)
