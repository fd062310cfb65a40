"""A step may have any id: `case-study` works like `step-5`, from the plan to the audit and after a rebuild."""

from __future__ import annotations

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.reads.contact_timeline import read_contact_timeline
from services.gateway.webhooks.resend_payload import parse_event
from tests import columns
from tests.ledger_reads import dead_letters_of
from tests.rebuild.conftest import Installation
from tests.versions import edits

STEPS = ["results", "quick-wins", "turned-away", "calendar", "case-study", "checklist", "last-call"]


@pytest.fixture
async def named(installation: Installation, ada) -> Installation:
    """An installation with named steps where Ada has signed up and received her first three mails."""
    await installation.applies(edits.named(installation.campaign.compiled))
    await columns.fix(installation.world.mirror)
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    return installation


async def test_named_step_arrives_on_its_day_with_its_name_in_the_idempotency_key(named: Installation, ada):
    await named.until(300)

    assert await named.inbox(ada) == STEPS
    assert await named.sent_h(ada) == [0, 24, 72, 120, 168, 216, 264]
    mails = await named.ask("GET", f"/inbox.json?to={ada.email}")
    assert mails[4]["idempotency_key"] == f"christmas_2025/{enrollment_id('christmas_2025', ada.email)}/case-study"


async def test_named_step_is_shown_in_its_own_notion_column(named: Installation, ada):
    [row] = await named.rows()

    shown = [name for name in row if name.endswith(" sent") and row[name] is not None]
    assert sorted(shown) == ["Quick-wins sent", "Results sent", "Turned-away sent"]
    assert row["Email 1 Sent"] is None


async def test_remaining_named_steps_are_sent_once_after_a_rebuild_and_the_audit_agrees(
    named: Installation, ada, run_audit
):
    assert (await run_audit()).findings == []
    await named.loses_its_store()

    summary = await named.rebuilds()
    await named.until(300)

    assert summary.restored == 1
    assert await named.inbox(ada) == STEPS
    assert await dead_letters_of(named.world.ledger) == []
    assert (await run_audit()).findings == []


async def test_named_step_missing_in_notion_is_found_by_its_subject(named: Installation, ada):
    [row] = await named.rows()
    await named.writes(row["id"], **{"Quick-wins sent": {"date": None}, "Turned-away sent": {"date": None}})
    await named.loses_its_store()

    summary = await named.rebuilds()
    await named.until(300)

    assert summary.found == 2
    assert await named.inbox(ada) == STEPS


async def test_feedback_on_a_named_step_is_recorded_and_the_timeline_names_the_step(named: Installation, ada):
    ledger, owner = named.world.ledger, enrollment_id("christmas_2025", ada.email)
    tags = {"campaign": "christmas_2025", "enrollment": owner, "step": "turned-away"}
    sent = {"type": "email.delivered", "data": {"email_id": "re_1", "to": [ada.email], "tags": tags}}
    event = parse_event(sent, campaigns=["christmas_2025"], received_ms=named.clock.now_ms())
    await ledger.feedback.record(event, webhook_id="resend:1")

    timeline = await read_contact_timeline(ledger, owner, now_ms=named.clock.now_ms())

    assert (await named.record(ada)).step_status("turned-away")[0] is DeliveryStatus.DELIVERED
    assert "step turned-away accepted" in [entry.what for entry in timeline.happened]
    assert [one.what for one in timeline.next] == [f"step {step} planned" for step in STEPS[3:]]


async def test_forgetting_a_contact_leaves_nothing_of_their_named_steps(named: Installation, ada):
    rule = {"kind": "status", "status": 422, "provider": "resend", "operation": "emails.send", "count": 1}
    await named.ask("POST", "/faults", rule)
    await named.until(130)
    ledger, owner = named.world.ledger, enrollment_id("christmas_2025", ada.email)
    assert [letter.delivery.step for letter in await dead_letters_of(ledger)] == ["calendar"]

    await ledger.contacts.forget(await ledger.contacts.find_traces(ada.email), now_ms=named.clock.now_ms())

    kept = [key.decode() for kind in ("enrollment", "delivery") for key in await ledger.client.keys(f"*{kind}*")]
    assert [key for key in kept if owner in key] == []
    assert await ledger.client.zrange(keys.OPEN, 0, -1) == []
