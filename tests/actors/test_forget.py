"""A forgotten contact is named nowhere in the store any more and gets no more mail."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from common.domain.booking import Attendee, BookingEvent, BookingKind
from common.domain.campaign_terms import CampaignTerms
from common.domain.contact import Assessment, Consent
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.domain.note import Note, NoteKind
from common.errors import Permanent
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause
from common.ledger.reads.store_stats import read_store_stats
from tests.ledger_reads import content

HOUR_MS = 3_600_000
DUNYA = "dunya@salon.example"
WHO = enrollment_id("christmas_2025", DUNYA)
NAMES = (DUNYA, "Dunya", "Salon Carmine", "14165550123", "personal weakness")
CALL = booking_id(DUNYA)


async def naming(store) -> dict[str, str]:
    """Return each key of the store that names Dunya, with one of the names that it holds."""
    return {
        key: name
        for key, held in (await content(store)).items()
        for name in NAMES
        if name.lower() in (key + repr(held)).lower()
    }


async def erased(simulation, address: str = DUNYA) -> None:
    await simulation.ledger.contacts.forget(
        await simulation.ledger.contacts.find_traces(address), now_ms=simulation.clock.now_ms()
    )


@pytest.fixture
def dunya() -> Assessment:
    return Assessment(
        email=DUNYA,
        first_name="Dunya",
        business_name="Salon Carmine",
        assessment_score=38,
        red_systems=2,
        weakest_system_1="personal weakness",
        phone="14165550123",
    )


@pytest.fixture
async def known(simulation, dunya, boris):
    """A store that holds every kind of data about Dunya, and some about Boris."""
    store, ledger, began_ms = simulation.ledger.client, simulation.ledger, simulation.clock.now_ms()
    refused = [True]
    simulation.mailer.failure = lambda mail: (
        Permanent("validation_error", status=422, detail=f"to {DUNYA}") if mail.to == DUNYA and refused else None
    )
    for person in (dunya, boris):
        await simulation.sign_up(person)
    await simulation.run(until_ms=began_ms + HOUR_MS)
    refused.clear()
    start_ms = began_ms + 74 * HOUR_MS
    for address in (DUNYA, boris.email):
        await simulation.book(address, start_ms, uid=address, first_name=address.partition("@")[0].title())
    await simulation.run(until_ms=began_ms + 30 * HOUR_MS)
    for uid in ("hands", "one uid"):
        await simulation.book(DUNYA, start_ms, uid=uid)
    await simulation.run(until_ms=began_ms + 31 * HOUR_MS)
    await simulation.reschedule("hands", to="other hands", address=boris.email, start_ms=start_ms)
    await simulation.book(boris.email, start_ms, uid="one uid")
    await simulation.run(until_ms=began_ms + 32 * HOUR_MS)
    for delivery in (step_delivery_id(WHO, 2), reminder_delivery_id(CALL, start_ms=start_ms, name="72h")):
        await ledger.feedback.record(reported(delivery, simulation.clock.now_ms()), webhook_id=f"resend:{delivery}")
    await ledger.pauses.start(WHO, Pause(since_ms=simulation.clock.now_ms(), by="ada", reason=f"{DUNYA} asked for it"))
    failed = keys.ready("send") + ".XQ"
    await store.hset(failed + ".msgs", f"{WHO}/step-1@1", f'{{"traceback": "ValueError: {DUNYA}"}}')
    await store.hset(failed + ".msgs", f"{CALL}/1/24h@1", f'{{"traceback": "ValueError: {DUNYA}"}}')
    await store.hset(failed + ".msgs", "another@1", "{}")
    await store.zadd(failed, {f"{WHO}/step-1@1": 1, f"{CALL}/1/24h@1": 1, "another@1": 1})
    await simulation.book(DUNYA, start_ms + HOUR_MS, uid="not looked at yet", title="Call with Dunya")
    return simulation


def reported(delivery, now_ms: int) -> Feedback:
    return Feedback(
        kind=FeedbackKind.SOFT_BOUNCED,
        delivery_id=delivery,
        contact_id=WHO,
        event_ms=now_ms,
        mailed_ms=now_ms,
        received_ms=now_ms,
        provider_id="re_1",
        address=DUNYA,
        detail=f"the box of {DUNYA} is full",
    )


async def test_nothing_in_the_store_names_a_forgotten_contact_and_others_are_unchanged(known, boris):
    store = known.ledger.client
    families = {key.split(":")[1] for key in await naming(store)}
    assert families == {
        "booking",
        "contact",
        "delivery",
        "enrollment",
        "feedback",
        "guest",
        "pauses",
        "queue",
        "timeline",
    }
    other = enrollment_id("christmas_2025", boris.email)
    his = {keys.enrollment(other), keys.contact(other), keys.guest(booking_id(boris.email))}
    before = await content(store)

    await erased(known)

    after = await content(store)
    assert await naming(store) == {}
    assert {key: before[key] for key in his} == {key: after[key] for key in his}
    left = [key for key, held in after.items() if WHO in key + repr(held) or CALL in key + repr(held)]
    assert {key for key in left if not key.startswith("{advent}:w:")} == {keys.FORGOTTEN}
    assert await store.hkeys(keys.ready("send") + ".XQ.msgs") == [b"another@1"]
    assert set(after) - set(before) == {keys.SUPPRESSED, keys.FORGOTTEN}


async def test_counts_after_forgetting_match_what_is_left(known):
    await erased(known)

    counted = await read_store_stats(known.ledger, now_ms=known.clock.now_ms())
    assert counted.enrollments == {"accepted": 0, "active": 1, "completed": 0, "exited": 0}
    assert counted.deliveries == {"accepted": 3, "skipped": 2}
    assert (counted.dead_letters, counted.suppressed, counted.paused_contacts) == (0, 1, 0)


async def test_forgetting_twice_changes_nothing_more(known):
    await erased(known)
    before = await content(known.ledger.client)
    known.clock.advance(1_000)

    await erased(known)

    assert await content(known.ledger.client) == before


async def test_forgotten_contact_gets_no_more_mail_and_others_get_all_of_their_steps(known, dunya, boris):
    await erased(known)
    sent = len(known.mailer.inbox_of(DUNYA))
    await known.sign_up(dunya)
    await known.book(DUNYA, known.clock.now_ms() + 80 * HOUR_MS, uid="once more")
    await known.run()

    assert len(known.mailer.inbox_of(DUNYA)) == sent
    assert len([mail for mail in known.mailer.inbox_of(boris.email) if "step" in mail.tags]) == 7


@pytest.mark.parametrize("when", ["before the freeze", "after the freeze"])
async def test_mail_being_processed_for_a_forgotten_contact_loses_its_claim(simulation, dunya, when):
    now_ms, ledger = simulation.clock.now_ms(), simulation.ledger
    await simulation.sign_up(dunya)
    await ledger.signups.enroll(await ledger.enrollments.get(WHO), now_ms=now_ms, announce=False)
    claim = await ledger.deliveries.claim(step_delivery_id(WHO, 1), worker="w", now_ms=now_ms)
    assert isinstance(claim, ClaimGranted)
    if when == "after the freeze":
        await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms)
    await erased(simulation)

    if when == "before the freeze":
        assert await ledger.deliveries.freeze(claim, "mail", now_ms=now_ms) == ClaimRefused("lost")
    assert await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=now_ms) is None
    assert await naming(ledger.client) == {}


async def test_notion_page_written_during_the_erasure_brings_no_data_back(known):
    now_ms = known.clock.now_ms()
    await known.ledger.mirror.request(due_ms=now_ms, now_ms=now_ms, again=WHO)
    taken = await known.ledger.mirror.take(worker="w", now_ms=now_ms)
    assert taken.person.id == WHO
    await erased(known)

    assert await known.ledger.client.hlen(keys.SYNCING) == 0
    pages = {"sequence": "page"}
    assert await known.ledger.mirror.record_shown(taken.person, pages, worker="w", now_ms=known.clock.now_ms()) is None
    assert await naming(known.ledger.client) == {}


async def test_later_events_about_a_forgotten_contact_are_answered_and_not_stored(known):
    await erased(known)
    later = {"title": "Call with Dunya", "start_ms": known.clock.now_ms() + 9 * HOUR_MS}
    answers = [
        await known.cancel(DUNYA, title="Call with Dunya"),
        await known.book(DUNYA, uid="not looked at yet", **later),
        await known.book(DUNYA, uid="of the list", **later),
    ]
    delivery = step_delivery_id(WHO, 2)
    await known.ledger.feedback.record(reported(delivery, known.clock.now_ms()), webhook_id="resend:later")
    await known.run()

    assert [answer.repeated for answer in answers] == [False] * 3
    assert await naming(known.ledger.client) == {}


async def test_later_event_that_also_names_another_guest_is_stored_for_that_guest(known, boris):
    await erased(known)
    now_ms = known.clock.now_ms()
    both = BookingEvent(
        kind=BookingKind.CREATED,
        uid="of two",
        event_ms=now_ms,
        received_ms=now_ms,
        start_ms=now_ms + 9 * HOUR_MS,
        end_ms=now_ms + 10 * HOUR_MS,
        email=DUNYA,
        is_seated=True,
        others=(Attendee(boris.email, "Boris"),),
    )
    answer = await known.ledger.bookings.accept(both, webhook_id="calcom:of two")

    assert answer.email == boris.email
    assert boris.email in str(await known.ledger.client.hgetall(keys.booking(booking_id("of two"))))
    assert await naming(known.ledger.client) == {}


def without_days(content):
    """Return the content without the daily lists of digests, which only tell when an answer is forgotten."""
    return {key: value for key, value in content.items() if ":webhooks:" not in key}


@pytest.mark.parametrize("where", ["christmas_2025", "spring_2026"])
@pytest.mark.parametrize("answer", [None, "accepted"], ids=["at the endpoint", "from a spool"])
async def test_later_signup_of_a_forgotten_contact_is_answered_and_not_stored(known, dunya, answer, where):
    await erased(known)
    before = await content(known.ledger.client)
    ledger = Ledger(known.ledger.client, campaign=where, cadence=known.ledger.cadence, secret_key="k" * 32)
    now_ms = known.clock.now_ms()

    first, again = [
        await ledger.signups.accept(dunya, webhook_id="signup:later", received_ms=now_ms, answer=answer)
        for _ in range(2)
    ]

    assert (first.answer, first.email, first.received_ms) == (answer or "duplicate", DUNYA, now_ms)
    assert first.enrollment_id == enrollment_id(where, DUNYA)
    assert again == replace(first, repeated=True)
    after = await content(known.ledger.client)
    webhook = keys.webhook("signup:later")
    assert after.pop(webhook).decode().split() == [first.answer, first.segment, str(now_ms), first.enrollment_id]
    assert without_days(after) == without_days(before)


async def test_only_the_forgotten_contact_is_refused_in_two_concurrent_signups(known, dunya, boris):
    await erased(known)
    other = enrollment_id("christmas_2025", boris.email)
    await known.ledger.enrollments.unsubscribe(
        other, address_hash=known.ledger.store.address_hash(boris.email), now_ms=known.clock.now_ms()
    )
    spring = Ledger(known.ledger.client, campaign="spring", cadence=known.ledger.cadence, secret_key="k" * 32)
    answers = await asyncio.gather(
        *(spring.signups.accept(who, webhook_id=f"signup:{who.email}", received_ms=1) for who in (dunya, boris))
    )

    assert [answer.answer for answer in answers] == ["duplicate", "accepted"]
    assert await naming(known.ledger.client) == {}


async def test_forgotten_contact_is_erased_from_every_campaign_of_the_store(simulation, dunya):
    for campaign in ("christmas_2025", "spring_2026"):
        ledger = Ledger(
            simulation.ledger.client, campaign=campaign, cadence=simulation.ledger.cadence, secret_key="k" * 32
        )
        await ledger.signups.accept(dunya, webhook_id=f"signup:{campaign}", received_ms=1)

    await erased(simulation)

    assert await naming(simulation.ledger.client) == {}
    assert await simulation.ledger.client.zcard(keys.UNDER_WAY) == 0


async def test_refused_signup_of_a_forgotten_contact_is_counted_and_erased_with_everything_about_the_contact(
    simulation, store, dunya
):
    terms = [CampaignTerms(key="christmas_2025", cadence=simulation.ledger.cadence, is_open=lambda _: False)]
    ledger = Ledger.of(store, terms, secret_key="k" * 32)
    now_ms = simulation.clock.now_ms()
    refused = await ledger.signups.accept(dunya, webhook_id="signup:refused", received_ms=now_ms)
    named = '{"payload": {"phone": "+1 416 555 0123"}}'
    await ledger.unread_bookings.keep(named, reason="payload.startTime must be a timestamp", received_ms=now_ms)

    traces = await ledger.contacts.forget_address(DUNYA, now_ms=now_ms)

    assert (refused.answer, traces.refused, traces.is_known) == ("closed", 1, True)
    assert traces.spellings == [DUNYA]
    assert await naming(store) == {}
    assert await ledger.unread_bookings.read_all() == []


@pytest.mark.parametrize("written", ["dunya@salon.example", "DUNYA@Salon.example", "\\u0064unya@salon.example"])
async def test_unread_booking_events_that_name_a_forgotten_contact_are_erased(simulation, store, written):
    """The address is found however the body writes it; events that name others stay."""
    kept = simulation.ledger.unread_bookings
    for raw in (
        f'{{"payload": {{"email": "{written}", "name": "Dunya"}}}}',
        '{"payload": {"email": "boris@example.org"}}',
    ):
        await kept.keep(raw, reason="payload.startTime must be a timestamp", received_ms=simulation.clock.now_ms())
    await erased(simulation)

    assert await naming(store) == {}
    assert ["boris@example.org" in event.raw for event in await kept.read_all()] == [True]


async def test_consent_and_field_notes_of_a_forgotten_contact_are_erased(simulation, store, dunya):
    note = Note(kind=NoteKind.REPAIRED, field="phone", what="was kept as text", kept="14165550123")
    consenting = replace(dunya, consent=Consent(text="Dunya agrees"))
    await simulation.ledger.signups.accept(
        consenting, webhook_id="signup:consent", received_ms=simulation.clock.now_ms(), notes=[note]
    )
    assert await naming(store) != {}
    await erased(simulation)

    assert await naming(store) == {}


async def test_finding_a_contacts_traces_scans_no_keys(known, store):
    await store.config_resetstat()

    traces = await known.ledger.contacts.find_traces(DUNYA)

    assert traces.enrolled == 1
    assert CALL in traces.bookings
    used = set(await store.info("commandstats"))
    assert used.isdisjoint({"cmdstat_scan", "cmdstat_hscan", "cmdstat_sscan", "cmdstat_zscan", "cmdstat_keys"})
