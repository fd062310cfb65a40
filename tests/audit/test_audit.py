"""Audits of ledger, provider and Notion, read from a real store and from the providers that the sandbox imitates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actors.upkeep.audit import Report, audit
from actors.upkeep.rebuild import rows_of
from common.campaigns.campaign import Campaign
from common.domain.ids import enrollment_id
from common.domain.mail import Mail
from common.errors import Misconfigured
from common.providers.resend.mailer import ResendMailer
from services.sandbox.ids import SENDING_KEY
from tests import columns
from tests.ledger_reads import sweep
from tests.rebuild.conftest import Installation, twin


async def test_audit_of_a_whole_sequence_has_no_findings(installation: Installation, ada, boris, run_audit):
    await installation.simulation.sign_up(ada)
    await installation.simulation.sign_up(boris)
    for hours in (1, 80, 300):
        await installation.until(hours)
        report = await run_audit()
        assert report.findings == []
    assert (report.people, report.sent, report.mails, report.rows) == (2, 14, 14, 2)


async def behind_the_ledger(installation: Installation, to: str, like: dict[str, Any]) -> None:
    """Send a mail with this subject that the ledger does not know."""
    copy = Mail(
        sender=like["from"],
        to=to,
        subject=like["subject"],
        html="x",
        text="x",
        reply_to=None,
        headers={},
        tags={},
    )
    await installation.world.mailer.send(copy, idempotency_key="another")


async def audits(installation: Installation, *campaigns: Campaign) -> list[Report]:
    found = []
    for campaign in campaigns:
        rows = rows_of(installation.world, campaign)
        found.append(await audit(installation.world, rows, campaign=campaign))
        await rows.close()
    return found


async def test_audit_of_two_campaigns_with_the_same_subjects_has_no_findings(installation: Installation, ada):
    second = twin(installation.campaign)
    installation.plays_too(second)
    await installation.simulation.sign_up(ada)
    await installation.simulation.sign_up(ada, campaign=second.key)
    await installation.until(40)

    reports = await audits(installation, installation.campaign, second)
    assert [(report.findings, report.sent) for report in reports] == [([], 2), ([], 2)]


async def test_a_mail_that_two_campaigns_may_have_sent_is_a_finding_of_both(installation: Installation, ada):
    second = twin(installation.campaign)
    installation.plays_too(second)
    await installation.simulation.sign_up(ada)
    await installation.simulation.sign_up(ada, campaign=second.key)
    await installation.until(40)
    [first, *_] = await installation.ask("GET", f"/inbox.json?to={ada.email}")
    await behind_the_ledger(installation, ada.email, first)

    for report in await audits(installation, installation.campaign, second):
        assert {(one.kind, one.step) for one in report.findings} == {("doubled", 1)}


async def test_later_signup_of_a_forgotten_contact_leaves_the_audit_clean(
    installation: Installation, ada, boris, run_audit
):
    ledger = installation.world.ledger
    await ledger.contacts.forget(await ledger.contacts.find_traces(ada.email), now_ms=installation.world.clock.now_ms())
    await installation.simulation.sign_up(ada)
    await installation.simulation.sign_up(boris)
    await installation.until(80)

    report = await run_audit()
    assert report.findings == []
    assert (report.people, report.rows) == (1, 1)


async def test_audit_has_no_findings_after_a_rebuild(installation: Installation, ada, run_audit):
    await columns.fix(installation.world.mirror)
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await installation.loses_its_store()
    assert {(f.kind, f.step) for f in (await run_audit()).findings} == {("unexplained", 0)}
    await installation.rebuilds()

    assert (await run_audit()).findings == []
    await installation.until(300)
    assert (await run_audit()).findings == []


async def test_audit_finds_a_mail_that_the_ledger_does_not_know(installation: Installation, ada, run_audit):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    [first] = await installation.ask("GET", f"/inbox.json?to={ada.email}")
    await behind_the_ledger(installation, ada.email, first)

    [finding] = (await run_audit()).findings
    assert (finding.kind, finding.email, finding.step) == ("doubled", ada.email, 1)


async def test_a_mail_that_vanished_from_the_provider_is_missing(installation: Installation, ada, run_audit):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    await installation.ask("DELETE", "/inbox.json")

    [finding] = (await run_audit()).findings
    assert (finding.kind, finding.step) == ("missing", 1)


async def test_lost_job_that_is_never_rescheduled_is_a_missing_mail(installation: Installation, ada, run_audit):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    owner = enrollment_id("christmas_2025", ada.email)
    await installation.store.zrem("{advent}:queue:send.DQ", f"{owner}/step-2")
    await installation.until(25)

    [finding] = (await run_audit()).findings
    assert (finding.kind, finding.step, finding.what) == ("missing", 2, "due, and nothing waits to send it")


async def test_sent_date_removed_from_notion_is_unexplained(installation: Installation, ada, run_audit):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    [row] = await installation.rows()
    await installation.writes(row["id"], **{"Email 1 Sent": {"date": None}})

    [finding] = (await run_audit()).findings
    assert (finding.kind, finding.step) == ("unexplained", 1)


async def test_mail_in_flight_during_an_audit_is_no_finding(installation: Installation, ada, run_audit):
    """The ledger is read before the mail is sent, the provider and Notion after it."""
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    listing = installation.world.mailer.list_all_accepted

    async def meanwhile(since_ms, *, budget=None):
        await installation.until(25)
        return await listing(since_ms, budget=budget)

    installation.world.mailer.list_all_accepted = meanwhile

    assert (await run_audit()).findings == []


async def test_audit_with_a_sending_only_key_raises_misconfigured(installation: Installation, ada, run_audit):
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    mailer = ResendMailer(SENDING_KEY, f"{installation.url}/resend")
    installation.simulation.world = replace(installation.world, mailer=mailer)
    try:
        with pytest.raises(Misconfigured, match="restricted"):
            await run_audit()
    finally:
        await mailer.close()


async def test_contacts_erased_after_their_campaign_ended_leave_the_audit_clean(
    installation: Installation, ada, run_audit
):
    await installation.simulation.sign_up(ada)
    await installation.until(300)
    ledger, now_ms = installation.world.ledger, installation.world.clock.now_ms()
    await sweep(ledger, now_ms)

    await ledger.contacts.erase_ended(before_ms=now_ms + 1)

    report = await run_audit()
    assert (report.findings, report.people, report.rows) == ([], 0, 0)
