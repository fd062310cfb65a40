"""Audits of reminders: of contacts who are enrolled, and of some who only booked a call."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from actors.upkeep.audit import Report
from common.domain.audit import Finding
from common.domain.ids import booking_id, reminder_delivery_id
from common.domain.mail import Mail
from common.ledger import keys
from services.cli import audit as command
from tests.rebuild.conftest import HOUR_MS, Installation

BORIS = "boris@salon.example"
CALL = booking_id("A")


@pytest.fixture
def start_ms(installation: Installation) -> int:
    """The start of a call in four days; its reminders are due after 24, 72 and 94 hours."""
    return installation.anchor_ms + 96 * HOUR_MS


@pytest.fixture
async def booked(installation: Installation, ada, start_ms: int) -> Installation:
    """An installation in which Ada is enrolled and has a call, and Boris only has a call."""
    await installation.simulation.sign_up(ada)
    await installation.simulation.book(ada.email, start_ms, uid="ada")
    await installation.simulation.book(BORIS, start_ms, uid="A")
    return installation


def found(report: Report, start_ms: int):
    """Return (kind, address, reminder, what) of each finding; each is about the call at `start_ms`."""
    assert all(one.reminder.startswith(f"{start_ms}/") and one.step == 0 for one in report.findings)
    return [(one.kind, one.email, one.reminder.partition("/")[2], one.what) for one in report.findings]


async def send(installation: Installation, to: str, subject: str) -> None:
    """Send a mail that the ledger does not know."""
    sender = installation.settings.identity.sender
    mail = Mail(sender=sender, to=to, subject=subject, html="x", text="x", reply_to=None, headers={}, tags={})
    await installation.world.mailer.send(mail, idempotency_key=f"another {subject}")


async def subject_of(installation: Installation, name: str) -> str:
    mails = await installation.ask("GET", f"/inbox.json?to={BORIS}")
    return next(mail["subject"] for mail in mails if mail["tags"].get("reminder") == name)


async def test_audit_of_calls_with_all_their_reminders_has_no_findings(booked: Installation, run_audit):
    for hours in (1, 25, 80, 97):
        await booked.until(hours)
        report = await run_audit()
        assert report.findings == []
    assert (report.people, report.sent, report.reminders, report.mails) == (1, 3 + 6, 6, 9)


async def test_audit_of_moved_cancelled_or_late_calls_has_no_findings(booked: Installation, run_audit, start_ms):
    await booked.until(30)
    await booked.simulation.reschedule("A", to="B", address=BORIS, start_ms=start_ms + 24 * HOUR_MS)
    await booked.simulation.cancel("ada")
    await booked.simulation.book("chen@salon.example", start_ms - 60 * HOUR_MS, uid="late")
    await booked.until(130)

    assert (await run_audit()).findings == []


async def test_a_reminder_that_lost_its_place_in_the_schedule_is_missing(booked: Installation, run_audit, start_ms):
    delivery = reminder_delivery_id(CALL, start_ms=start_ms, name="72h")
    await booked.until(1)
    await booked.store.zrem(keys.delayed("send"), delivery)
    await booked.store.zrem(keys.OPEN, delivery)
    await booked.until(24)
    assert (await run_audit()).findings == []
    await booked.until(25)

    assert found(await run_audit(), start_ms) == [("missing", BORIS, "72h", "due, and nothing waits to send it")]


async def test_a_reminder_without_a_record_in_the_ledger_is_missing(booked: Installation, run_audit, start_ms):
    delivery = reminder_delivery_id(CALL, start_ms=start_ms, name="72h")
    await booked.until(1)
    await booked.store.hdel(keys.guest(CALL), f"/{start_ms}/72h")
    for schedule in (keys.delayed("send"), keys.OPEN):
        await booked.store.zrem(schedule, delivery)
    await booked.until(25)

    assert found(await run_audit(), start_ms) == [("missing", BORIS, "72h", "due, and nothing waits to send it")]


async def test_reminder_not_sent_before_its_call_began_is_missing_unless_paused(
    booked: Installation, run_audit, start_ms
):
    delivery = reminder_delivery_id(CALL, start_ms=start_ms, name="2h")
    await booked.until(1)
    await booked.store.zrem(keys.delayed("send"), delivery)  # The sweeper does not reschedule it from `open` either.
    await booked.until(97)

    what = "its call has begun, and it was neither sent nor called off"
    assert found(await run_audit(), start_ms) == [("missing", BORIS, "2h", what)]
    await booked.store.hset(keys.PAUSES, "*", "everybody")
    assert (await run_audit()).findings == []


async def test_a_reminder_that_vanished_from_the_provider_is_missing(booked: Installation, run_audit, start_ms):
    await booked.until(25)
    accepted = {mail["tags"]["reminder"]: mail["id"] for mail in await booked.ask("GET", f"/inbox.json?to={BORIS}")}
    listing = booked.world.mailer.list_all_accepted

    async def without_it(since_ms, *, budget=None):
        return [mail for mail in await listing(since_ms, budget=budget) if mail.id != accepted["72h"]]

    booked.world.mailer.list_all_accepted = without_it

    what = f"accepted as {accepted['72h']}, and the provider does not list it"
    assert found(await run_audit(), start_ms) == [("missing", BORIS, "72h", what)]


async def test_second_reminder_that_the_ledger_does_not_know_is_doubled(booked: Installation, ada, run_audit, start_ms):
    await booked.until(25)
    await send(booked, ada.email, await subject_of(booked, "72h"))

    [(kind, whose, which, what)] = found(await run_audit(), start_ms)
    assert (kind, whose, which) == ("doubled", ada.email, "72h")
    assert what.endswith(" too")


async def test_listed_reminder_of_a_cancelled_call_is_unexplained(booked: Installation, run_audit, start_ms):
    await booked.simulation.book("chen@salon.example", start_ms, uid="C")
    await booked.until(1)
    await booked.simulation.cancel("C")
    await booked.until(25)
    subject = await subject_of(booked, "72h")
    await send(booked, "chen@salon.example", subject)

    [finding] = (await run_audit()).findings
    assert (finding.kind, finding.email) == ("unexplained", "chen@salon.example")
    assert finding.what.endswith("and the ledger says skipped")


async def test_mail_that_is_no_reminder_is_unexplained_for_a_contact_who_only_booked(booked: Installation, run_audit):
    await booked.until(1)
    await send(booked, BORIS, "Hello")

    [finding] = (await run_audit()).findings
    assert (finding.kind, finding.email, finding.reminder) == ("unexplained", BORIS, "")


async def test_a_reported_call_that_no_job_processes_is_missing(booked: Installation, run_audit):
    await booked.store.delete(keys.delayed("bookings"))
    await booked.until(1)

    assert {(one.kind, one.email, one.what) for one in (await run_audit()).findings} == {
        ("missing", "ada@salon.example", "a booking was reported or changed and has not been processed"),
        ("missing", BORIS, "a booking was reported or changed and has not been processed"),
    }


async def test_a_reminder_in_flight_during_an_audit_is_no_finding(booked: Installation, run_audit):
    await booked.until(23)
    listing = booked.world.mailer.list_all_accepted

    async def meanwhile(since_ms, *, budget=None):
        await booked.until(25)
        return await listing(since_ms, budget=budget)

    booked.world.mailer.list_all_accepted = meanwhile

    assert (await run_audit()).findings == []


async def test_reminders_of_an_earlier_store_are_no_finding_once_the_call_is_reported_again(
    booked: Installation, run_audit, start_ms
):
    await booked.until(25)
    await booked.store.flushall()
    await booked.simulation.book(BORIS, start_ms, uid="A")
    await booked.until(26)

    assert {finding.email for finding in (await run_audit()).findings} == {"ada@salon.example"}


def test_audit_of_one_person_is_printed_in_the_singular(monkeypatch, capsys):
    report = Report(findings=[], people=1, sent=2, reminders=1, mails=2, rows=1)
    monkeypatch.setattr(command, "with_world", lambda _act, **_: report)

    assert command.command.main([], standalone_mode=False) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 person; 1 mail and 1 reminder sent; Resend lists 2, Notion has 1 row\n")


def test_text_and_json_output_distinguish_reminders_from_mails(monkeypatch, capsys):
    steps = [Finding("missing", "ada@salon.example", 2, "due")]
    reminders = [replace(steps[0], step=0, reminder="1763974800000/24h")]
    report = Report(findings=[*reminders, *steps], people=3, sent=12, reminders=4, mails=12, rows=3)
    monkeypatch.setattr(command, "with_world", lambda _act, **_: report)

    assert command.command.main([], standalone_mode=False) == 1
    said = capsys.readouterr().out
    assert said.startswith("3 people; 8 mails and 4 reminders sent; Resend lists 12, Notion has 3 rows\n")
    assert "reminder 24h of 2025-11-24 09:00:00" in said
    assert said.endswith("2 missing (1 of reminders) · 0 doubled · 0 unexplained\n")

    command.command.main(["--json"], standalone_mode=False)
    reported = json.loads(capsys.readouterr().out)
    assert reported["missing"] == [
        {
            "email": "ada@salon.example",
            "step": None,
            "reminder": "24h",
            "call": "2025-11-24T09:00:00.000Z",
            "what": "due",
        },
        {"email": "ada@salon.example", "step": 2, "reminder": None, "call": None, "what": "due"},
    ]
    assert reported["counts"]["reminders"] == 4
