"""Reminders with the call attached as a calendar file, where the campaign asks for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis.asyncio
import vobject
from icalendar import Calendar

from actors.sending.render import render
from common.campaigns import samples
from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.gallery import sample_pages, write_gallery
from common.clock import VirtualClock
from common.domain.ids import booking_id, reminder_delivery_id
from common.domain.mail import Attachment, Mail
from common.errors import Ambiguous
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted
from common.settings.settings import Settings
from services.simulation.engine import Simulation

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BORIS = "boris@example.org"


@pytest.fixture(scope="module")
def attaching(campaign: Campaign) -> Campaign:
    """The Christmas campaign with the calendar file attached to its 24h reminder."""
    reminders = tuple(replace(one, attach=one.name == "24h") for one in campaign.reminders)
    return campaign_of(replace(campaign.compiled, reminders=reminders))


@pytest.fixture
def run(store: redis.asyncio.Redis, attaching: Campaign, clock: VirtualClock) -> Simulation:
    return build_simulation(store, attaching, clock)


def build_simulation(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    return Simulation(store, campaign, settings, clock=clock)


def attached(run: Simulation) -> dict[str, tuple[Attachment, ...]]:
    """Return the attachments of Boris's mails, keyed by reminder name."""
    return {mail.tags["reminder"]: mail.attachments for mail in run.mailer.inbox_of(BORIS)}


async def test_calendar_file_is_the_calcom_call_and_only_where_the_campaign_asks_for_it(run):
    start_ms = run.clock.now_ms() + 5 * DAY_MS
    await run.book(BORIS, start_ms, uid="A", ical_uid="A@Cal.com", organizer="Zoë")
    await run.run()

    files = attached(run)
    assert {name: len(one) for name, one in files.items()} == {"72h": 0, "24h": 1, "2h": 0}
    [file] = files["24h"]
    assert (file.filename, file.content_type) == ("call.ics", "text/calendar; charset=utf-8")
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    event: Any = Calendar.from_ical(file.content).walk("VEVENT")[0]
    assert (str(event["uid"]), event.decoded("dtstart")) == ("A@Cal.com", start)
    other = vobject.readOne(file.content).vevent
    assert (other.uid.value, other.dtstart.value) == ("A@Cal.com", start)


async def test_moved_call_updates_the_same_calendar_entry_with_a_higher_sequence(run):
    start_ms = run.clock.now_ms() + 5 * DAY_MS
    await run.book(BORIS, start_ms, uid="A", ical_uid="A@Cal.com")
    await run.run(until_ms=start_ms - DAY_MS + 1_000)
    [before] = attached(run)["24h"]
    await run.reschedule("A", to="B", address=BORIS, start_ms=start_ms + 3 * DAY_MS, ical_uid="A@Cal.com", sequence=1)
    await run.run()

    [after] = run.mailer.inbox_of(BORIS)[-2].attachments
    was, now = (Calendar.from_ical(one.content).walk("VEVENT")[0] for one in (before, after))
    assert was["uid"] == now["uid"]
    assert now["sequence"] > was["sequence"]
    assert now.decoded("dtstart") - was.decoded("dtstart") == timedelta(days=3)


async def test_retried_mail_with_a_calendar_file_has_the_same_bytes(run):
    left = [Ambiguous("read_timeout")]
    run.mailer.failure = lambda mail: left.pop() if left and mail.attachments else None
    await run.book(BORIS, run.clock.now_ms() + 2 * DAY_MS, uid="A", ical_uid="A@Cal.com")
    await run.run()

    assert [len(one) for one in attached(run).values()] == [1, 0]
    assert left == []


async def test_reminder_attaches_no_calendar_file_with_another_hour(run):
    start_ms = run.clock.now_ms() + 2 * DAY_MS
    await run.book(BORIS, start_ms, uid="A", ical_uid="A@Cal.com")
    await run.run(until_ms=start_ms - DAY_MS - 1)
    run.clock.move_to(start_ms - DAY_MS)
    reminder = reminder_delivery_id(booking_id("A"), start_ms=start_ms, name="24h")
    claim = await run.ledger.deliveries.claim(reminder, worker="w", now_ms=run.clock.now_ms())
    assert isinstance(claim, ClaimGranted)
    assert len((await render(run.world, claim)).attachments) == 1
    # The call has moved, and no job has processed the move yet.
    await run.reschedule("A", to="B", address=BORIS, start_ms=start_ms + DAY_MS)
    assert (await render(run.world, claim)).attachments == ()


async def test_mail_frozen_by_an_older_campaign_version_is_sent_unchanged(store, campaign, attaching, clock):
    run = build_simulation(store, campaign, clock)
    run.mailer.failure = lambda _mail: Ambiguous("read_timeout") if left else None
    left = [True]
    start_ms = run.clock.now_ms() + 2 * DAY_MS
    await run.book(BORIS, start_ms, uid="A", ical_uid="A@Cal.com")
    await run.run(until_ms=start_ms - DAY_MS + 1_000)
    [key] = [key.decode() async for key in store.scan_iter(keys.delivery("*24h"))]
    assert "attachments" not in (await run.ledger.store.read_hash(key))["payload"]
    run.world.campaigns.replace(attaching)
    left.clear()
    await run.run()
    assert attached(run)["24h"] == ()


def test_frozen_mail_is_thawed_with_its_attachments() -> None:
    file = Attachment(filename="call.ics", content_type="text/calendar; charset=utf-8", content="BEGIN:VCALENDAR\r\né")
    mail = Mail(
        sender="a@b.example", to="c@d.example", subject="s", html="h", text="t", reply_to=None, headers={}, tags={},
        attachments=(file,),
    )  # fmt: skip
    assert Mail.thawed(mail.frozen()) == mail
    assert Mail.thawed(replace(mail, attachments=()).frozen()) == replace(mail, attachments=())


def test_campaign_that_attaches_nothing_keeps_its_version(campaign, attaching):
    assert '"attach"' not in campaign.compiled.to_json()
    assert attaching.compiled.version != campaign.compiled.version


def test_the_preview_shows_the_file_with_its_size(attaching, tmp_path):
    pages = [page for page in sample_pages(attaching, samples.IDENTITY) if page.letter == "reminder-24h"]
    index = write_gallery(tmp_path, "Christmas", pages).read_text()
    for page in pages:
        [file] = page.mail.attachments
        assert (tmp_path / f"{page.name}.call.ics").read_bytes() == file.content.encode()
        assert f'<a href="{page.name}.call.ics">call.ics</a>, {len(file.encoded)} bytes' in index
