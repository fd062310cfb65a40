"""Follow-ups by SMS: who gets one and when, only once, never in quiet hours. Real actors and scripts, virtual time."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.booking import BookingKind
from common.domain.contact import SmsConsent
from common.domain.enrollment import ExitReason
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import booking_id, enrollment_id, follow_up_delivery_id, step_delivery_id
from common.domain.sms import Sms
from common.errors import Ambiguous, Failure, Throttled, Transient
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.ledger_reads import record_of, timeline_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BORIS, HOST, NUMBER = "boris@example.org", "host@example.com", "+14165550123"
WHO = enrollment_id("christmas_2025", BORIS)
TORONTO = ZoneInfo("America/Toronto")
AFTERNOON, EVENING = "2026-03-12T14:00", "2026-03-12T19:00"


@pytest.fixture
def run(store: redis.asyncio.Redis, texting: Campaign, clock: VirtualClock) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion", "twilio"}))
    clock.move_to(at("2026-03-05T10:00"))
    return Simulation(store, texting, settings, clock=clock)


def at(local: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=TORONTO).timestamp() * 1000)


def texted(run: Simulation) -> list[str]:
    """Return the time at which each follow-up reached a phone, on its owner's clock."""
    return [
        datetime.fromtimestamp(ms / 1000, TORONTO).strftime("%Y-%m-%dT%H:%M")
        for ms, text in run.texter.accepted_texts
        if "missed" in text.body
    ]


async def miss(run: Simulation, start: str = AFTERNOON, *, uid: str = "A", **fields: object) -> None:
    """Book a call of Boris and mark him absent half an hour after it began."""
    known: dict[str, object] = {"timezone": "America/Toronto", "sms_number": NUMBER, "organizer_email": HOST}
    await run.book(BORIS, at(start), uid=uid, **known | fields)
    await run.run(until_ms=at(start) + HOUR_MS // 2)
    await mark(run, is_absent=True, uid=uid)


async def mark(run: Simulation, *, is_absent: bool, uid: str = "A", who: str = BORIS) -> None:
    await run.change_booking(BookingKind.NO_SHOW, uid, no_shows=((who, is_absent),))


async def outcome(run: Simulation, uid: str = "A") -> tuple[str, str]:
    """Return what became of the SMS, and the reason if it was not sent."""
    record = await record_of(run.ledger, follow_up_delivery_id(booking_id(uid), on="no_show", name="missed.sms"))
    assert record is not None
    return str(record.status), "" if record.sent_ms else record.detail


async def test_contact_who_missed_a_call_and_agreed_to_sms_gets_sms_and_mail(run):
    await miss(run)
    await run.run()
    assert texted(run) == ["2026-03-12T16:30"]
    assert "Choose another time" in run.texter.phone_of(NUMBER)[-1]
    assert await outcome(run) == ("accepted", "")
    assert [mail.tags["follow_up"] for mail in run.mailer.inbox_of(BORIS) if "follow_up" in mail.tags] == ["missed"]
    assert "follow-up missed by SMS accepted" in [one.what for one in await timeline_of(run.ledger, WHO)]


async def test_follow_up_sms_is_in_the_contacts_language(run):
    await miss(run, locale="fr-CA")
    await run.run()
    assert "Choisissez un autre moment" in run.texter.phone_of(NUMBER)[-1]


async def test_campaign_without_sms_sends_no_follow_up_sms(store, campaign, clock):
    clock.move_to(at("2026-03-10T10:00"))
    run = Simulation(store, campaign, Settings(secret_key="k" * 32), clock=clock)
    await miss(run)
    await run.run()
    assert run.texter.accepted_texts == []
    assert await record_of(run.ledger, follow_up_delivery_id(booking_id("A"), on="no_show", name="missed.sms")) is None


@pytest.mark.parametrize(
    ("consent", "sent", "reason"),
    [
        (SmsConsent(is_given=True, number=NUMBER), True, ""),
        (SmsConsent(is_given=False, number=NUMBER), False, "no consent to SMS"),
        (None, False, "no consent to SMS"),
    ],
)
async def test_phone_number_without_consent_gets_no_sms(run, boris, consent, sent, reason):
    await run.sign_up(replace(boris, phone=NUMBER, sms_consent=consent))
    await miss(run, sms_number=None)
    await run.run()
    assert bool(texted(run)) is sent
    assert (await outcome(run))[1] == reason


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-03-12T17:28", "2026-03-12T19:58"),
        ("2026-03-12T17:29:30", "2026-03-13T09:00"),  # it would arrive after quiet hours have begun
        (EVENING, "2026-03-13T09:00"),
        ("2026-03-07T19:00", "2026-03-08T09:00"),  # the night of the change to daylight saving time
    ],
)
async def test_quiet_hours_move_a_follow_up_sms_to_the_next_morning(run, start, expected):
    await miss(run, start)
    await run.run()
    assert texted(run) == [expected]


async def test_follow_up_sms_uses_the_signups_time_zone_when_the_call_has_none(run, boris):
    await run.sign_up(replace(boris, timezone="America/Vancouver"))
    await miss(run, "2026-03-12T20:00", timezone=None)
    await run.run()
    assert texted(run) == ["2026-03-12T22:30"]


async def test_follow_up_sms_that_failed_in_the_evening_is_sent_the_next_morning(run):
    run.texter.failure = lambda _text: (
        Transient("connect") if at("2026-03-12T16:30") <= run.clock.now_ms() < at("2026-03-12T21:00") else None
    )
    await miss(run)
    await run.run()
    assert texted(run) == ["2026-03-13T09:00"]
    [text] = [text for _, text in run.texter.accepted_texts if "missed" in text.body]
    assert text.valid_until_ms <= at("2026-03-13T20:00")


async def test_follow_up_sms_expires_at_the_provider_before_quiet_hours(run):
    await miss(run)
    await run.run()
    assert [text.valid_until_ms for _, text in run.texter.accepted_texts if "missed" in text.body] == [
        at("2026-03-12T20:00")
    ]


async def test_no_show_mark_taken_back_at_night_cancels_the_follow_up_sms(run):
    await miss(run, EVENING)
    await run.run(until_ms=at("2026-03-12T22:00"))
    await mark(run, is_absent=False)
    await run.run()
    assert texted(run) == []
    assert await outcome(run) == ("skipped", "the mark was taken back")


async def test_new_booking_at_night_cancels_the_follow_up_sms(run):
    await miss(run, EVENING)
    await run.run(until_ms=at("2026-03-12T22:00"))
    await run.book(BORIS, at("2026-03-20T14:00"), uid="B", timezone="America/Toronto")
    await run.run()
    assert texted(run) == []
    assert await outcome(run) == ("skipped", "booked again")


async def test_host_marked_absent_sends_no_follow_up_sms(run):
    known = {"timezone": "America/Toronto", "sms_number": NUMBER, "organizer_email": HOST}
    await run.book(BORIS, at(AFTERNOON), uid="A", **known)
    await run.run(until_ms=at(AFTERNOON) + HOUR_MS // 2)
    await mark(run, is_absent=True, who=HOST)
    await run.run()
    assert texted(run) == []


async def test_chain_of_moved_bookings_gets_one_follow_up_sms(run):
    await miss(run)
    await run.run(until_ms=at("2026-03-13T12:00"))
    later = "2026-03-17T14:00"
    await run.reschedule("A", to="B", address=BORIS, start_ms=at(later), timezone="America/Toronto", sms_number=NUMBER)
    await run.run(until_ms=at(later) + HOUR_MS // 2)
    await mark(run, is_absent=True, uid="B")
    await run.run()
    assert texted(run) == ["2026-03-12T16:30"]
    assert await outcome(run, "B") == ("skipped", "another follow-up of this call was sent")


async def test_contact_whose_mail_bounced_gets_the_follow_up_sms_and_not_the_mail(run, boris):
    await run.sign_up(boris)
    await miss(run)
    bounced = Feedback(
        kind=FeedbackKind.BOUNCED,
        delivery_id=step_delivery_id(WHO, 1),
        contact_id=WHO,
        event_ms=run.clock.now_ms(),
        mailed_ms=run.clock.now_ms(),
        received_ms=run.clock.now_ms(),
        provider_id="re_1",
        address=BORIS,
    )
    await run.ledger.feedback.record(bounced, webhook_id="resend:1")
    await run.run()
    assert texted(run) == ["2026-03-12T16:30"]
    assert [mail for mail in run.mailer.inbox_of(BORIS) if "follow_up" in mail.tags] == []


async def test_contact_who_unsubscribes_after_a_bounce_gets_no_sms_either(run, boris):
    await run.sign_up(boris)
    await miss(run)
    now_ms = run.clock.now_ms()
    for reason in (ExitReason.BOUNCED, ExitReason.UNSUBSCRIBED):
        await run.ledger.suppressions.suppress(BORIS, reason, detail="", now_ms=now_ms)
    await run.run()
    assert texted(run) == []


async def test_stop_ends_the_follow_up_sms_and_not_the_mail(run):
    await miss(run)
    await run.ledger.texts.receive(NUMBER, "stop", "STOP", webhook_id="twilio:SM1", now_ms=run.clock.now_ms())
    await run.run()
    assert texted(run) == []
    assert await outcome(run) == ("skipped", "unsubscribed")
    assert "missed" in [mail.tags.get("follow_up") for mail in run.mailer.inbox_of(BORIS)]


async def test_contact_with_only_a_phone_gets_the_sms_and_no_mail(run):
    phone_only = "+14165550123@sms.cal.com"
    await run.book(phone_only, at(AFTERNOON), uid="A", timezone="America/Toronto", sms_number=NUMBER)
    await run.run(until_ms=at(AFTERNOON) + HOUR_MS // 2)
    await run.change_booking(BookingKind.NO_SHOW, "A", no_shows=((phone_only, True),))
    await run.run()
    assert texted(run) == ["2026-03-12T16:30"]
    assert run.mailer.inbox_of(phone_only) == []


async def test_follow_up_sms_with_a_lost_answer_is_looked_up_and_never_repeated(run):
    left = [Ambiguous("read_timeout")]
    run.texter.failure = lambda text: left.pop() if left and "missed" in text.body else None
    await miss(run)
    await run.run()
    assert texted(run) == ["2026-03-12T16:30"]
    assert await outcome(run) == ("accepted", "")


@pytest.mark.parametrize(
    ("trouble", "reached_min"), [("30 % of faults", 3), ("503 for 36 hours", 0), ("unreachable for 12 hours", 6)]
)
async def test_follow_up_sms_despite_failures_is_sent_once_or_explained_outside_quiet_hours(run, trouble, reached_min):
    chance = random.Random(11)
    kinds = (Ambiguous("read_timeout"), Transient("connect_reset"), Throttled("twilio_20429"))
    away = (at("2026-03-12T15:00"), at("2026-03-14T03:00" if "36" in trouble else "2026-03-13T03:00"))

    def failure(_text: Sms) -> Failure | None:
        if trouble == "30 % of faults":
            return chance.choice(kinds) if chance.random() < 0.3 else None
        outage = Transient("connect") if "unreachable" in trouble else Ambiguous("http_503", status=503)
        return outage if away[0] <= run.clock.now_ms() < away[1] else None

    run.texter.failure, run.texter.loses = failure, lambda _text: trouble != "30 % of faults" or chance.random() < 0.5
    people = [(f"p{number}@example.org", f"P{number}", f"+141655501{number:02}") for number in range(6)]
    for number, (email, uid, phone) in enumerate(people):
        start_ms = at("2026-03-12T13:00") + number * 2 * HOUR_MS
        await run.book(email, start_ms, uid=uid, timezone="America/Toronto", sms_number=phone)
    for number, (email, uid, _) in enumerate(people):
        await run.run(until_ms=at("2026-03-12T13:30") + number * 2 * HOUR_MS)
        await mark(run, is_absent=True, uid=uid, who=email)
    await run.run()

    reached = [text.to for _, text in run.texter.accepted_texts if "missed" in text.body]
    assert len(reached) == len(set(reached))
    assert all("09:00" <= when[11:] < "20:00" for when in texted(run))
    for _, uid, phone in people:
        status, reason = await outcome(run, uid)
        assert (status, phone in reached) in {("accepted", True), ("dead", False), ("dead", True)}
        assert status == "accepted" or reason
    assert len(reached) >= reached_min


async def test_testing_mode_and_speed_shorten_the_wait_for_a_follow_up_sms(store, texting, clock):
    settings = Settings(
        secret_key="k" * 32, testing_mode=True, campaign_speed=10.0, sandboxed=frozenset({"resend", "notion", "twilio"})
    )
    run = Simulation(store, texting, settings, clock=clock)
    start_ms = clock.now_ms() + 60_000
    await run.book(BORIS, start_ms, uid="A", timezone="America/Toronto", sms_number=NUMBER)
    await run.run(until_ms=start_ms + 1_000)
    await mark(run, is_absent=True)
    await run.run()
    assert [ms - start_ms for ms, text in run.texter.accepted_texts if "missed" in text.body] == [7_000]
