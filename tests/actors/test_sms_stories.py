"""Reminders by SMS: the real actors and scripts, in virtual time, and a provider that knows no idempotency keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
import redis.asyncio

from actors.dead_letters import plan, replay
from actors.sending.render_sms import render_sms
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.booking import BookingKind
from common.domain.contact import SmsConsent
from common.domain.ids import DeliveryId, booking_id, enrollment_id
from common.domain.projection import CampaignColumns, unenrolled_contact_row
from common.domain.replay import Way
from common.domain.sms import size_of
from common.errors import Ambiguous, Misconfigured, Permanent, Throttled, Transient
from common.ledger.constants import TEXTS
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.ledger_reads import dead_letters_of, is_ended, timeline_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BORIS, NUMBER = "boris@example.org", "+14165550123"
WHO = enrollment_id("christmas_2025", BORIS)
TORONTO = ZoneInfo("America/Toronto")


@pytest.fixture
def run(store: redis.asyncio.Redis, texting: Campaign, clock: VirtualClock) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion", "twilio"}))
    clock.move_to(at("2026-03-02T10:00"))
    return Simulation(store, texting, settings, clock=clock)


def at(local: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=TORONTO).timestamp() * 1000)


def local(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, TORONTO).strftime("%Y-%m-%dT%H:%M")


def texted(run: Simulation) -> list[tuple[str, str]]:
    return [(text.to, local(ms)) for ms, text in run.texter.accepted_texts]


async def book(run: Simulation, start: str = "2026-03-12T14:00", **fields: object) -> None:
    known: dict[str, object] = {"timezone": "America/Toronto", "sms_number": "416 555-0123"}
    await run.book(BORIS, at(start), uid="A", **known | fields)


async def sms_statuses(run: Simulation) -> dict[str, tuple[str, str]]:
    return {
        f"{call.booking.uid} {name.rpartition('/')[2]} {local(int(name.partition('/')[0]))}": (
            str(record.status),
            record.detail if record.sent_ms is None else "",
        )
        async for call in run.ledger.bookings.calls(WHO)
        for name, record in call.records.items()
        if name.endswith(".sms")
    }


def first(start: str = "2026-03-12T14:00") -> DeliveryId:
    return DeliveryId(f"{booking_id('A')}/{at(start)}/24h.sms")


async def test_contact_who_gave_a_number_for_reminders_gets_sms_and_mail(run):
    await book(run)
    await run.run()
    assert texted(run) == [(NUMBER, "2026-03-11T14:00")]
    text = run.texter.phone_of(NUMBER)[0]
    assert "Thursday, March 12 at 2:00 p.m." in text
    assert "STOP" in text
    assert size_of(text) == size_of("a")
    assert [mail.tags["reminder"] for mail in run.mailer.inbox_of(BORIS)] == ["72h", "24h", "2h"]


async def test_campaign_without_sms_sends_no_reminder_sms(store, campaign, clock):
    run = Simulation(store, campaign, Settings(secret_key="k" * 32), clock=clock)
    await run.book(BORIS, clock.now_ms() + 10 * DAY_MS, uid="A", sms_number=NUMBER)
    await run.run()
    assert run.texter.accepted_texts == []
    assert await sms_statuses(run) == {}


@pytest.mark.parametrize(
    ("consent", "sent", "reason"),
    [
        (SmsConsent(is_given=True, number="(416) 555-0123", source="https://site.example/quiz"), [NUMBER], ""),
        (SmsConsent(is_given=False, number="(416) 555-0123"), [], "no consent to SMS"),
        (None, [], "no consent to SMS"),
        (SmsConsent(is_given=True, number="12"), [], "no mobile number"),
    ],
)
async def test_phone_number_without_consent_gets_no_sms(run, boris, consent, sent, reason):
    await run.sign_up(replace(boris, phone="(416) 555-0123", sms_consent=consent))
    await book(run, sms_number=None)
    await run.run()
    assert [to for to, _ in texted(run)] == sent
    assert {detail for _, detail in (await sms_statuses(run)).values()} == {reason}


async def test_sms_consent_of_an_earlier_signup_is_kept_with_source_and_time(run, boris):
    consent = SmsConsent(is_given=True, number=NUMBER, source="quiz")
    await run.sign_up(replace(boris, sms_consent=consent))
    asked_ms = run.clock.now_ms()
    run.clock.move_to(asked_ms + DAY_MS)
    await run.sign_up(boris)
    known = await run.ledger.enrollments.get(WHO)
    assert known is not None
    assert known.assessment.sms_consent == replace(consent, at_ms=asked_ms)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-03-12T14:00", "2026-03-11T14:00"),  # outside quiet hours
        ("2026-03-12T21:30", "2026-03-11T19:59"),  # too late in the evening: sent before quiet hours begin
        ("2026-03-12T07:00", "2026-03-10T19:59"),  # too early in the morning: sent the evening before
        ("2026-03-09T07:00", "2026-03-07T19:59"),  # across the change to daylight saving time
    ],
)
async def test_quiet_hours_move_a_reminder_earlier(run, start, expected):
    await book(run, start)
    await run.run()
    assert texted(run) == [(NUMBER, expected)]


async def test_sms_without_a_time_before_quiet_hours_is_skipped_with_that_reason(run):
    run.clock.move_to(at("2026-03-11T21:00"))
    await book(run, "2026-03-12T22:30")
    await run.run()
    assert texted(run) == []
    assert await sms_statuses(run) == {"A 24h.sms 2026-03-12T22:30": ("skipped", "quiet hours")}


async def test_delayed_sms_is_not_sent_in_quiet_hours(run):
    run.texter.failure = lambda _text: Transient("connect") if run.clock.now_ms() < at("2026-03-11T21:00") else None
    await book(run)
    await run.run()
    assert texted(run) == []
    assert await sms_statuses(run) == {"A 24h.sms 2026-03-12T14:00": ("skipped", "late: quiet hours have begun")}


async def test_reminder_sms_expires_at_the_provider_before_the_call_and_quiet_hours(run):
    await book(run, "2026-03-12T10:00")
    await run.run()
    assert [local(text.valid_until_ms) for _, text in run.texter.accepted_texts] == ["2026-03-11T20:00"]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_move_and_cancellation_end_mail_and_sms_in_any_order(run, order):
    now_ms = run.clock.now_ms()
    start_ms, moved_ms = at("2026-03-12T14:00"), at("2026-03-13T15:00")
    who = {"email": BORIS, "timezone": "America/Toronto", "sms_number": NUMBER}
    events = [
        (BookingKind.CREATED, "A", {**who, "start_ms": start_ms, "event_ms": now_ms}),
        (BookingKind.RESCHEDULED, "B", {**who, "start_ms": moved_ms, "event_ms": now_ms + 1, "reschedule_uid": "A"}),
        (
            BookingKind.RESCHEDULED,
            "C",
            {**who, "start_ms": moved_ms + 1, "event_ms": now_ms + 2, "reschedule_uid": "B"},
        ),
        (BookingKind.CANCELLED, "C", {"event_ms": now_ms + 3}),
    ]
    for which in order:
        kind, uid, fields = events[which]
        await run.change_booking(kind, uid, **fields)
        await run.run(until_ms=run.clock.now_ms() + 1_000)
    await run.run()
    assert texted(run) == []
    assert run.mailer.inbox_of(BORIS) == []
    assert {status for status, _ in (await sms_statuses(run)).values()} == {"skipped"}


@pytest.mark.parametrize("ends", [BookingKind.REASSIGNED, BookingKind.CANCELLED])
async def test_last_hour_sms_is_sent_at_most_once_in_every_order_of_events(store, texting, clock, ends):
    """A call is created, moved twice, and given to another host or cancelled; SMS and mail behave alike."""
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion", "twilio"}))
    now_ms = at("2026-03-02T10:00")
    who = {"email": BORIS, "timezone": "America/Toronto", "sms_number": NUMBER}
    starts = [at(start) for start in ("2026-03-12T14:00", "2026-03-13T15:00", "2026-03-13T17:00")]
    events: list[tuple[BookingKind, str, dict[str, object]]] = [
        (BookingKind.CREATED, "A", {**who, "start_ms": starts[0], "event_ms": now_ms}),
        (BookingKind.RESCHEDULED, "B", {**who, "start_ms": starts[1], "event_ms": now_ms + 1, "reschedule_uid": "A"}),
        (BookingKind.RESCHEDULED, "C", {**who, "start_ms": starts[2], "event_ms": now_ms + 2, "reschedule_uid": "B"}),
        (ends, "C", {"event_ms": now_ms + 3} | ({"organizer": "Zoë"} if ends is BookingKind.REASSIGNED else {})),
    ]
    outcomes = set()
    for order in permutations(range(4)):
        await store.flushall()
        run = Simulation(store, texting, settings, clock=VirtualClock(now_ms))
        for which in (*order, *order):
            kind, uid, fields = events[which]
            await run.change_booking(kind, uid, **fields)
            await run.run(until_ms=run.clock.now_ms() + 1_000)
        await run.run()
        outcomes.add((tuple(texted(run)), tuple(mail.tags["start"] for mail in run.mailer.inbox_of(BORIS))))
    expected = ((NUMBER, "2026-03-12T17:00"),), (str(starts[2]),) * 3
    assert outcomes == {expected if ends is BookingKind.REASSIGNED else ((), ())}


async def test_moved_call_gets_an_sms_for_its_new_hour_only(run):
    await book(run)
    await run.run(until_ms=run.clock.now_ms() + 1_000)
    await run.reschedule(
        "A", to="B", address=BORIS, start_ms=at("2026-03-13T15:00"), timezone="America/Toronto", sms_number=NUMBER
    )
    await run.run()
    assert texted(run) == [(NUMBER, "2026-03-12T15:00")]
    assert "March 13 at 3:00" in run.texter.phone_of(NUMBER)[0]


async def test_sms_with_a_lost_answer_is_looked_up_and_found(run):
    run.texter.failure = _once(Ambiguous("read_timeout"))
    await book(run)
    await run.run()
    assert len(texted(run)) == 1
    assert set((await sms_statuses(run)).values()) == {("accepted", "")}


async def test_sms_that_was_never_accepted_is_not_repeated_blindly(run):
    run.texter.failure, run.texter.loses = _once(Ambiguous("read_timeout")), lambda _text: True
    await book(run)
    await run.run()
    assert texted(run) == []
    (letter,) = await dead_letters_of(run.ledger)
    assert "not found among what Twilio lists" in letter.reason
    planned = await plan(run.world, letter)
    assert planned.way is Way.AGAIN


async def test_person_decides_when_the_sms_list_is_refused(run):
    run.texter.failure, run.texter.list_failure = _once(Ambiguous("read_timeout")), Permanent("list_too_long")
    await book(run)
    await run.run()
    (letter,) = await dead_letters_of(run.ledger)
    assert "Twilio would not list what it accepted (list_too_long)" in letter.reason
    assert (await plan(run.world, letter)).way is Way.REFUSED


async def test_replay_before_the_call_sends_the_sms_once(run):
    run.texter.failure, run.texter.loses = _once(Ambiguous("read_timeout")), lambda _text: True
    await book(run)
    await run.run(until_ms=at("2026-03-11T14:30"))
    (letter,) = await dead_letters_of(run.ledger)
    assert await replay(run.world, await plan(run.world, letter))
    await run.run()
    assert texted(run) == [(NUMBER, "2026-03-11T14:30")]


async def test_two_matching_sms_are_left_for_a_person_to_decide(run):
    run.texter.failure = _once(Ambiguous("read_timeout"))
    await book(run)
    await run.run(until_ms=at("2026-03-11T14:00"))
    run.texter.accepted_texts *= 2
    await run.run()
    (letter,) = await dead_letters_of(run.ledger)
    assert "2 of the SMS that Twilio lists may be it" in letter.reason


async def test_sms_waits_while_the_list_is_away_and_is_found_later(run):
    run.texter.failure, run.texter.list_failure = _once(Ambiguous("read_timeout")), Transient("connect")
    await book(run)
    await run.run(until_ms=at("2026-03-11T18:00"))
    run.texter.list_failure = None
    await run.run()
    assert len(texted(run)) == 1
    assert set((await sms_statuses(run)).values()) == {("accepted", "")}


async def test_identical_sms_to_a_shared_phone_cannot_be_attributed(run):
    run.texter.failure = _each(Ambiguous("read_timeout"))
    await book(run)
    await run.book("ada@example.org", at("2026-03-12T14:00"), uid="Z", timezone="America/Toronto", sms_number=NUMBER)
    await run.run(until_ms=at("2026-03-11T14:00"))
    run.texter.failure = lambda _text: None
    await run.run()
    statuses = [str(record.status) for record in await _all_sms(run)]
    assert len(texted(run)) == 2
    assert statuses == ["dead", "dead"]


async def test_thirty_percent_of_faults_double_nothing_and_leave_nothing_unexplained(run):
    import random

    chance = random.Random(7)
    kinds = (Ambiguous("read_timeout"), Transient("connect_reset"), Throttled("twilio_20429"))
    run.texter.failure = lambda _text: chance.choice(kinds) if chance.random() < 0.3 else None
    run.texter.loses = lambda _text: chance.random() < 0.5
    for number in range(40):
        start_ms = at("2026-03-12T14:00") + number * 60_000
        await run.book(
            f"p{number}@example.org", start_ms, uid=f"P{number}", timezone="America/Toronto",
            sms_number=f"+141655501{number:02}",
        )  # fmt: skip
    await run.run()
    per_number = [to for to, _ in texted(run)]
    assert len(per_number) == len(set(per_number))
    records = [record async for record in _every_sms(run, 40)]
    assert len(records) == 40
    accepted = [record for record in records if record.sent_ms is not None]
    assert all(str(one.status) in ("accepted", "dead") for one in records)
    assert len(accepted) == len(per_number)
    assert all(at("2026-03-11T14:00") <= ms < at("2026-03-11T20:00") for ms, _ in run.texter.accepted_texts)


async def test_a_provider_that_is_away_for_36_hours_leaves_nothing_doubled_late_or_unexplained(run):
    away = (at("2026-03-10T20:00"), at("2026-03-12T08:00"))
    run.texter.failure = lambda _text: (
        Ambiguous("http_503", status=503) if away[0] <= run.clock.now_ms() < away[1] else None
    )
    run.texter.loses = lambda _text: True
    for number in range(6):
        start_ms = at("2026-03-12T06:00") + number * 6 * HOUR_MS
        await run.book(
            f"p{number}@example.org", start_ms, uid=f"P{number}", timezone="America/Toronto",
            sms_number=f"+141655501{number:02}",
        )  # fmt: skip
    await run.run()
    records = [record async for record in _every_sms(run, 6)]
    assert len(records) == 6
    assert all(record.sent_ms is not None or record.detail for record in records)
    assert {local(ms)[11:13] for ms, _ in run.texter.accepted_texts} <= {f"{hour:02}" for hour in range(9, 20)}
    assert len({to for to, _ in texted(run)}) == len(texted(run))


async def test_trouble_with_sms_delays_no_mail(run, boris):
    run.texter.failure = lambda _text: Misconfigured("twilio_20003", status=401)
    await run.sign_up(boris)
    await book(run)
    await run.run(until_ms=at("2026-03-11T18:00"))
    assert await run.ledger.circuits.open_until(TEXTS, now_ms=run.clock.now_ms()) is not None
    assert len(run.mailer.inbox_of(BORIS)) >= 3


async def test_number_that_cannot_receive_sms_is_not_retried_and_mail_continues(run):
    run.texter.failure = lambda _text: Permanent("twilio_21614", status=400, is_recipient=True)
    await book(run)
    await run.run()
    assert await is_ended(run.ledger, NUMBER)
    assert set((await sms_statuses(run)).values()) == {("dead", "twilio_21614 (400)")}
    assert len(run.mailer.inbox_of(BORIS)) == 3
    run.texter.failure = lambda _text: None
    await run.book(BORIS, run.clock.now_ms() + 5 * DAY_MS, uid="B", timezone="America/Toronto", sms_number=NUMBER)
    await run.run()
    assert texted(run) == []


async def test_stop_is_obeyed_and_start_resumes_sms(run):
    await run.ledger.texts.receive(NUMBER, "stop", "STOP", webhook_id="twilio:SM1", now_ms=run.clock.now_ms())
    await book(run)
    await run.run(until_ms=at("2026-03-11T15:00"))
    assert texted(run) == []
    assert set((await sms_statuses(run)).values()) == {("skipped", "unsubscribed")}
    await run.ledger.texts.receive(NUMBER, "start", "START", webhook_id="twilio:SM2", now_ms=run.clock.now_ms())
    await run.reschedule(
        "A", to="B", address=BORIS, start_ms=at("2026-03-14T15:00"), timezone="America/Toronto", sms_number=NUMBER
    )
    await run.run()
    assert texted(run) == [(NUMBER, "2026-03-13T15:00")]
    assert len(run.mailer.inbox_of(BORIS)) > 3


async def test_stop_after_the_claim_is_obeyed_before_the_request(run):
    await book(run)
    await run.run(until_ms=at("2026-03-11T13:59"))
    claim = await run.ledger.deliveries.claim(first(), worker="other", now_ms=at("2026-03-11T14:00"))
    assert isinstance(claim, ClaimGranted)
    await run.ledger.texts.receive(NUMBER, "stop", "ARRET", webhook_id="twilio:SM1", now_ms=run.clock.now_ms())
    refused = await run.ledger.deliveries.freeze(claim, "{}", now_ms=at("2026-03-11T14:00"), number=NUMBER)
    assert refused == ClaimRefused("exited", "unsubscribed")


async def test_sms_due_again_after_the_call_began_is_not_sent(run):
    run.texter.failure = lambda _text: Throttled("twilio_20429", retry_after_ms=30 * HOUR_MS)
    await book(run)
    await run.run(until_ms=at("2026-03-12T13:00"))
    run.texter.failure = lambda _text: None
    await run.run()
    assert texted(run) == []
    assert await sms_statuses(run) == {"A 24h.sms 2026-03-12T14:00": ("skipped", "expired")}


async def test_a_worker_that_died_after_the_acceptance_leaves_one_sms_and_one_acceptance(run):
    await book(run)
    await run.run(until_ms=at("2026-03-11T13:59"))
    now_ms = at("2026-03-11T14:00")
    run.clock.move_to(now_ms)
    claim = await run.ledger.deliveries.claim(first(), worker="dead", now_ms=now_ms)
    assert isinstance(claim, ClaimGranted)
    text = await render_sms(run.world, claim)
    await run.ledger.deliveries.freeze(claim, text.frozen(), now_ms=now_ms, number=text.to)
    await run.texter.send(text)
    await run.run()
    assert texted(run) == [(NUMBER, "2026-03-11T14:00")]
    assert set((await sms_statuses(run)).values()) == {("accepted", "")}


async def test_contact_who_unsubscribed_from_mail_gets_no_sms(run, boris):
    await run.sign_up(boris)
    await book(run)
    await run.run(until_ms=run.clock.now_ms() + HOUR_MS)
    await run.ledger.enrollments.unsubscribe(
        WHO, address_hash=run.ledger.store.address_hash(BORIS), now_ms=run.clock.now_ms()
    )
    await run.run()
    assert texted(run) == []


async def test_sms_answer_reaches_the_contacts_timeline_and_notion(run):
    await book(run)
    await run.run()
    now_ms = run.clock.now_ms()
    assert await run.ledger.texts.receive(NUMBER, "answer", "Running late", webhook_id="twilio:SM3", now_ms=now_ms)
    assert not await run.ledger.texts.receive(NUMBER, "answer", "Running late", webhook_id="twilio:SM3", now_ms=now_ms)
    said = [one.detail for one in await timeline_of(run.ledger, WHO) if one.what == "sms answer"]
    assert said == ["Running late"]
    await run.run()
    shown = run.mirror.bookings[WHO]
    assert shown is not None
    assert shown.sms_answer == "Running late"
    row = unenrolled_contact_row(BORIS, CampaignColumns(name="Christmas 2025"), title="Boris", booking=shown)
    assert row.values["SMS Answer"] == "Running late"


async def test_forgetting_leaves_no_number_behind(run, store):
    await book(run)
    await run.run()
    traces = await run.ledger.contacts.find_traces(BORIS)
    await run.ledger.contacts.forget(traces, now_ms=run.clock.now_ms())
    assert not [key async for key in store.scan_iter("*numbers:*")]


def _once(failure: Exception):
    left = [failure]
    return lambda _text: left.pop() if left else None


def _each(failure: Exception):
    return lambda _text: failure


async def _all_sms(run: Simulation):
    return [
        record for uid in ("A", "Z") for name, record in (await _records(run, uid)).items() if name.endswith(".sms")
    ]


async def _records(run: Simulation, uid: str):
    from common.ledger import keys
    from common.ledger.codec import read_records

    return read_records(await run.ledger.store.read_hash(keys.guest(booking_id(uid))))


async def _every_sms(run: Simulation, count: int):
    for number in range(count):
        for name, record in (await _records(run, f"P{number}")).items():
            if name.endswith(".sms"):
                yield record
