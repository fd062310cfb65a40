"""Contacts who left get no mail after a rebuild, whatever columns Notion has."""

from __future__ import annotations

import pytest

from common.domain.enrollment import ExitReason, Status
from common.domain.ids import enrollment_id
from tests.packaged import packaged_campaign
from tests.rebuild.conftest import HOUR_MS, Installation


async def _unsubscribes(installation: Installation, email: str) -> None:
    ledger = installation.world.ledger
    await ledger.enrollments.unsubscribe(
        enrollment_id("christmas_2025", email),
        address_hash=ledger.store.address_hash(email),
        now_ms=installation.clock.now_ms(),
    )


@pytest.mark.parametrize(("after_h", "mails"), [(1, 1), (300, 7)], ids=["after the first mail", "after the last mail"])
async def test_unsubscribed_contact_gets_no_mail_after_a_rebuild_from_the_required_columns(
    installation: Installation, ada, after_h: float, mails: int
):
    await installation.simulation.sign_up(ada)
    await installation.until(after_h)
    await _unsubscribes(installation, ada.email)
    await installation.until(after_h + 1)
    await installation.loses_its_store()

    summary = await installation.rebuilds()
    await installation.books(ada.email, installation.clock.now_ms() + 30 * HOUR_MS, uid="call")
    await installation.until(after_h + 600)

    assert summary.unknown_exits == [ada.email]
    assert (await installation.record(ada)).exit_reason is ExitReason.UNKNOWN
    assert len(await installation.inbox(ada)) == mails
    assert (await installation.world.ledger.suppressions.of(ada.email)).reason is ExitReason.UNKNOWN


async def test_unsubscribed_contact_gets_no_mail_of_another_campaign_after_a_rebuild(
    installation: Installation, ada, boris
):
    installation.plays_too(packaged_campaign("new_year_2026"))
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    await _unsubscribes(installation, ada.email)
    await installation.until(2)
    await installation.loses_its_store()

    await installation.rebuilds()
    for person in (ada, boris):
        await installation.simulation.sign_up(person, campaign="new_year_2026")
    await installation.until(600)

    assert await installation.inbox(ada) == ["step-1"]
    assert await installation.inbox(boris) == ["step-1", "step-2", "step-3"]
    again = await installation.world.ledger.enrollments.get(enrollment_id("new_year_2026", ada.email))
    assert (again.status, again.records) == (Status.EXITED, {})


async def test_completed_contact_is_not_suppressed_by_a_rebuild(installation: Installation, ada):
    await installation.simulation.sign_up(ada)
    await installation.until(300)
    await installation.loses_its_store()

    summary = await installation.rebuilds()

    assert summary.unknown_exits == []
    assert (await installation.record(ada)).status is Status.COMPLETED
    assert await installation.world.ledger.suppressions.of(ada.email) is None
