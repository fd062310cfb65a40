"""Audits of follow-ups: the provider lists what the ledger sent after a call."""

from __future__ import annotations

import pytest

from common.domain.booking import BookingKind
from common.domain.ids import booking_id, follow_up_delivery_id
from common.ledger import keys
from services.cli import audit as command
from tests.rebuild.conftest import HOUR_MS, Installation

BORIS = "boris@salon.example"


@pytest.fixture
async def missed(installation: Installation) -> Installation:
    """An installation in which Boris is marked absent an hour after his call began."""
    start_ms = installation.anchor_ms + 96 * HOUR_MS
    await installation.simulation.book(BORIS, start_ms, uid="A")
    await installation.until(97)
    await installation.simulation.change_booking(BookingKind.NO_SHOW, "A", no_shows=((BORIS, True),))
    return installation


async def test_audit_of_a_call_with_its_follow_up_has_no_findings(missed: Installation, run_audit):
    for hours in (98, 100):
        await missed.until(hours)
        report = await run_audit()
        assert report.findings == []
    assert (report.sent, report.mails) == (4, 4)


async def test_a_follow_up_that_vanished_from_the_provider_is_missing(missed: Installation, run_audit):
    await missed.until(100)
    mails = await missed.ask("GET", f"/inbox.json?to={BORIS}")
    accepted = next(mail["id"] for mail in mails if "follow_up" in mail["tags"])
    listing = missed.world.mailer.list_all_accepted

    async def without_it(since_ms, *, budget=None):
        return [mail for mail in await listing(since_ms, budget=budget) if mail.id != accepted]

    missed.world.mailer.list_all_accepted = without_it

    named = (await run_audit()).findings

    assert [(one.kind, one.email, one.reminder) for one in named] == [("missing", BORIS, "no_show/missed")]
    assert command._which(named[0]) == "follow-up missed"


async def test_a_follow_up_that_lost_its_place_in_the_schedule_is_missing(missed: Installation, run_audit):
    await missed.until(98)
    lost = follow_up_delivery_id(booking_id("A"), on="no_show", name="missed")
    await missed.world.ledger.client.zrem(keys.OPEN, lost)
    await missed.world.ledger.client.zrem(keys.delayed("send"), lost)
    missed.clock.move_to(missed.anchor_ms + 110 * HOUR_MS)

    assert [(one.kind, one.reminder) for one in (await run_audit()).findings] == [("missing", "no_show/missed")]
