"""What happens to Boris after he books a call: the real actors and scripts, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import permutations

from common.clock import VirtualClock, utc_datetime
from common.domain.booking import BookingEvent, BookingKind
from common.domain.calendar_link import CalendarLink
from common.domain.contact_booking_status import UnenrolledContact
from common.domain.enrollment import Status
from common.domain.ids import EnrollmentId, address_hash, booking_id, enrollment_id
from common.domain.projection import NotionBookingStatus
from common.domain.series import BookingState
from common.errors import Permanent, Throttled, Transient
from common.ledger import keys
from common.ledger.reads.store_stats import read_store_stats
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.ledger_reads import dead_letters_of, timeline_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BORIS = "boris@example.org"
WHO = enrollment_id("christmas_2025", BORIS)


def reminders(simulation: Simulation, address: str = BORIS) -> list[tuple[int, str]]:
    """Return (time in ms, name) of each reminder that arrived."""
    return [
        (ms, mail.tags["reminder"])
        for ms, mail in simulation.mailer.accepted_mails
        if mail.to == address and "reminder" in mail.tags
    ]


async def final_statuses(simulation: Simulation, who: EnrollmentId = WHO) -> dict[str, set[tuple[str, str]]]:
    """Return, for each booking uid, the (status, reason) pairs of its reminders; sent ones have no reason."""
    return {
        call.booking.uid: {
            (str(record.status), record.detail if record.sent_ms is None else "") for record in call.records.values()
        }
        async for call in simulation.ledger.bookings.calls(who)
    }


def reported(simulation: Simulation, clock: VirtualClock) -> list[BookingEvent]:
    """Return the events of a booking that is moved twice and cancelled, as Cal.com reports it."""
    start_ms = clock.now_ms() + 10 * DAY_MS
    created = BookingEvent(
        kind=BookingKind.CREATED,
        uid="A",
        ical_uid="A@Cal.com",
        sequence=0,
        event_ms=clock.now_ms(),
        received_ms=clock.now_ms(),
        start_ms=start_ms,
        end_ms=start_ms + HOUR_MS,
        email=BORIS,
        first_name="Boris",
    )
    moved = replace(
        created, kind=BookingKind.RESCHEDULED, uid="B", reschedule_uid="A", sequence=1, start_ms=start_ms + DAY_MS
    )
    again = replace(moved, uid="C", reschedule_uid="B", sequence=2, start_ms=start_ms + 2 * DAY_MS)
    cancelled = replace(again, kind=BookingKind.CANCELLED, reschedule_uid=None, sequence=3)
    return [created, moved, again, cancelled]


async def test_contact_who_only_booked_gets_three_reminders_and_a_notion_row(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A", first_name="Boris")
    await simulation.run()

    assert reminders(simulation) == [(start_ms - hours * HOUR_MS, f"{hours}h") for hours in (72, 24, 2)]
    assert len({mail.subject for mail in simulation.mailer.inbox_of(BORIS)}) == 3
    assert isinstance(simulation.mirror.rows[WHO], UnenrolledContact)
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="Unmarked", meeting_ms=start_ms)
    keys_used = set(simulation.mailer.accepted_by_key)
    assert f"christmas_2025/{booking_id('A')}/{start_ms}/24h" in keys_used


async def test_reminders_name_the_local_hour_across_a_clock_change(store, campaign):
    clock = VirtualClock(round(datetime.fromisoformat("2025-10-28T16:00Z").timestamp() * 1000))
    simulation = Simulation(
        store, campaign, Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"})), clock=clock
    )
    start = datetime.fromisoformat("2025-11-03T09:00-05:00")  # Clocks went back the day before.
    await simulation.book(BORIS, round(start.timestamp() * 1000), uid="A", timezone="America/Toronto")
    await simulation.run()

    assert [(utc_datetime(ms).isoformat(timespec="minutes"), name) for ms, name in reminders(simulation)] == [
        ("2025-10-31T14:00+00:00", "72h"),
        ("2025-11-02T14:00+00:00", "24h"),
        ("2025-11-03T12:00+00:00", "2h"),
    ]
    for mail in simulation.mailer.inbox_of(BORIS):
        assert "9:00 a.m. on Monday, November 3 (Toronto time)" in mail.text
        assert mail.headers["List-Unsubscribe"].strip("<>") in mail.text


async def test_each_reminder_links_to_the_calendar_file_and_to_the_booking_at_calcom(simulation, clock):
    links = {"reschedule_url": "https://cal.com/reschedule/A", "cancel_url": "https://cal.com/booking/A?cancel=true"}
    await simulation.book(BORIS, clock.now_ms() + 10 * DAY_MS, uid="A", locale="fr", **links)
    await simulation.run()

    token = CalendarLink(booking_id("A"), address_hash("k" * 32, BORIS)).token("k" * 32)
    assert len(reminders(simulation)) == 3
    for mail in simulation.mailer.inbox_of(BORIS):
        assert f"/calendar/{token}.ics?lang=fr-CA" in mail.text
        assert f"/calendar/{token}.ics?lang=fr-CA" in mail.html
        assert links["reschedule_url"] in mail.text


async def test_link_to_change_a_booking_at_an_unknown_host_is_left_out(simulation, clock):
    await simulation.book(
        BORIS, clock.now_ms() + 10 * DAY_MS, uid="A", reschedule_url="https://evil.example/reschedule/A"
    )
    await simulation.run()

    assert len(reminders(simulation)) == 3
    assert not [mail for mail in simulation.mailer.inbox_of(BORIS) if "evil.example" in mail.text + mail.html]


async def test_a_call_booked_30_hours_ahead_gets_the_reminders_that_are_still_to_come(simulation, clock):
    start_ms = clock.now_ms() + 30 * HOUR_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run()

    assert [name for _, name in reminders(simulation)] == ["24h", "2h"]
    assert await final_statuses(simulation) == {"A": {("accepted", ""), ("skipped", "its hour had passed")}}


async def test_call_in_an_hour_gets_no_reminder(simulation, clock):
    await simulation.book(BORIS, clock.now_ms() + HOUR_MS, uid="A")
    await simulation.run()

    assert reminders(simulation) == []
    assert await final_statuses(simulation) == {"A": {("skipped", "short notice")}}


async def test_reminder_times_count_from_the_arrival_of_the_event_not_from_its_processing(simulation, clock):
    start_ms = clock.now_ms() + 25 * HOUR_MS
    await simulation.book(BORIS, start_ms, uid="A")
    clock.advance(2 * HOUR_MS)
    await simulation.run()

    assert reminders(simulation) == [(start_ms - 23 * HOUR_MS, "24h"), (start_ms - 2 * HOUR_MS, "2h")]


async def test_testing_mode_and_speed_shorten_reminder_times_and_the_minimum_notice(store, campaign, clock):
    settings = Settings(
        secret_key="k" * 32, testing_mode=True, campaign_speed=60, sandboxed=frozenset({"resend", "notion"})
    )
    simulation = Simulation(store, campaign, settings, clock=clock)
    now = clock.now_ms()
    await simulation.book(BORIS, now + 10_000, uid="A")
    await simulation.book("ada@example.org", now + 999, uid="B")
    await simulation.run()

    assert reminders(simulation) == [(now + 4_000, "72h"), (now + 7_000, "24h"), (now + 9_000, "2h")]
    assert reminders(simulation, "ada@example.org") == []


async def test_moved_call_gets_reminders_for_its_new_time_only(simulation, clock):
    start_ms = clock.now_ms() + 5 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - 48 * HOUR_MS)
    await simulation.reschedule("A", to="B", address=BORIS, start_ms=start_ms + 4 * DAY_MS)
    await simulation.run()

    later = start_ms + 4 * DAY_MS
    assert reminders(simulation) == [
        (start_ms - 72 * HOUR_MS, "72h"),
        *((later - hours * HOUR_MS, f"{hours}h") for hours in (72, 24, 2)),
    ]
    assert await final_statuses(simulation) == {"A": {("accepted", ""), ("skipped", "moved")}, "B": {("accepted", "")}}
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="Unmarked", meeting_ms=later)


async def test_cancelled_call_gets_no_more_reminders_though_the_event_names_no_guest(simulation, clock):
    start_ms = clock.now_ms() + 5 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - 48 * HOUR_MS)
    await simulation.cancel("A")
    await simulation.run()

    assert [name for _, name in reminders(simulation)] == ["72h"]
    assert await final_statuses(simulation) == {"A": {("accepted", ""), ("skipped", "cancelled")}}
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="Not Booked")


async def test_every_order_of_the_events_with_repetitions_ends_in_the_same_state(store, campaign, clock):
    ends = set()
    for number, order in enumerate(permutations(range(4))):
        await store.flushall()
        simulation = Simulation(
            store,
            campaign,
            Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"})),
            clock=VirtualClock(),
            seed=number,
        )
        events = reported(simulation, simulation.clock)
        for index in (*order, *order[:2]):
            await simulation.receive(replace(events[index], received_ms=simulation.clock.now_ms()))
            await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
        await simulation.run()
        ends.add(
            (
                str(dict(sorted((await final_statuses(simulation)).items()))),
                str(simulation.mirror.bookings[WHO]),
                len(simulation.mailer.accepted_mails),
            )
        )

    expected = {"A": {("skipped", "moved")}, "B": {("skipped", "moved")}, "C": {("skipped", "cancelled")}}
    assert ends == {(str(expected), str(NotionBookingStatus(status="Not Booked")), 0)}


async def test_unconfirmed_move_stops_old_reminders_and_sends_new_ones_once_confirmed(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    later = start_ms + DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)
    await simulation.book(BORIS, later, uid="B", kind=BookingKind.REQUESTED, reschedule_uid="A")
    await simulation.run(until_ms=later - 48 * HOUR_MS)
    assert reminders(simulation) == []
    assert await final_statuses(simulation) == {
        "A": {("skipped", "moved")},
        "B": {("skipped", "awaiting confirmation")},
    }
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="Not Booked")

    await simulation.book(BORIS, later, uid="B")
    await simulation.run()

    assert [name for _, name in reminders(simulation)] == ["24h", "2h"]
    assert await final_statuses(simulation) == {
        "A": {("skipped", "moved")},
        "B": {("accepted", ""), ("skipped", "its hour had passed")},
    }


async def test_series_with_a_new_guest_reminds_the_new_address_only(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)
    await simulation.reschedule("A", to="B", address="ada@example.org", start_ms=start_ms)
    await simulation.run()

    assert reminders(simulation) == []
    assert len(reminders(simulation, "ada@example.org")) == 3
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="Not Booked")


async def test_uid_booked_again_with_another_address_leaves_the_first_guest_not_booked(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)
    await simulation.book("ada@example.org", start_ms, uid="A")
    await simulation.run()

    assert (len(reminders(simulation)), len(reminders(simulation, "ada@example.org"))) == (0, 3)
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="Not Booked")


async def test_a_phone_only_booking_gets_no_mail(simulation, clock):
    address = "15551234567@sms.cal.com"
    await simulation.book(address, clock.now_ms() + 10 * DAY_MS, uid="A")
    await simulation.run()

    assert simulation.mailer.accepted_mails == []
    assert await final_statuses(simulation, enrollment_id("christmas_2025", address)) == {
        "A": {("skipped", "phone only")}
    }


async def test_outcome_of_a_call_is_shown_in_notion_and_in_the_timeline(simulation, clock):
    start_ms = clock.now_ms() + 4 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms + HOUR_MS)
    await simulation.change_booking(BookingKind.ENDED, "A", start_ms=start_ms)
    await simulation.run()
    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="Completed", meeting_ms=start_ms)

    await simulation.change_booking(BookingKind.NO_SHOW, "A", no_shows=((BORIS, True),))
    await simulation.run()

    assert simulation.mirror.bookings[WHO] == NotionBookingStatus(status="No-Show", meeting_ms=start_ms)
    entries = [(entry.what, entry.detail[:4]) for entry in await timeline_of(simulation.ledger, WHO)]
    assert [what for what, _ in entries] == [
        "call booked",
        *(f"reminder {name} accepted" for name in ("72h", "24h", "2h")),
        "call ended",
        "follow-up after-call accepted",
        "no-show marked",
        "follow-up missed skipped",
    ]


async def test_contact_who_signed_up_and_booked_is_one_in_notion_and_gets_both_kinds_of_mail(simulation, boris, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    await simulation.sign_up(boris)
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)
    await simulation.book(BORIS.upper(), start_ms, uid="A")
    await simulation.run()

    assert len(simulation.mailer.inbox_of(BORIS)) == 10
    assert simulation.mirror.rows[WHO].status is Status.COMPLETED
    assert simulation.mirror.bookings[WHO].status == "Unmarked"


async def test_contact_who_booked_before_signing_up_keeps_the_page_and_the_booking_status(simulation, boris, clock):
    await simulation.book(BORIS, clock.now_ms() + 10 * DAY_MS, uid="A")
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)
    await simulation.sign_up(boris)
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)

    assert simulation.mirror.rows[WHO].pages["sequence"] == f"page-{WHO}"
    assert simulation.mirror.bookings[WHO].status == "Booked"


async def test_unsubscribed_contact_gets_no_more_reminders(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - 48 * HOUR_MS)
    await simulation.ledger.enrollments.unsubscribe(
        WHO, address_hash=simulation.ledger.store.address_hash(BORIS), now_ms=clock.now_ms()
    )
    await simulation.run()

    assert [name for _, name in reminders(simulation)] == ["72h"]
    assert await final_statuses(simulation) == {"A": {("accepted", ""), ("skipped", "unsubscribed")}}
    assert await simulation.ledger.enrollments.get(WHO) is None


async def test_reminder_expires_at_the_start_of_its_call_and_is_retried_until_then(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    tries: list[int] = []

    def trouble(mail):
        if mail.tags.get("reminder") == "24h" and len(tries) < 2:
            tries.append(clock.now_ms())
            return Transient("internal_server_error", status=500)
        return Throttled("rate_limit_exceeded", retry_after_ms=HOUR_MS) if mail.tags.get("reminder") == "2h" else None

    simulation.mailer.failure = trouble
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms)

    assert reminders(simulation) == [
        (start_ms - 72 * HOUR_MS, "72h"),
        (start_ms - 24 * HOUR_MS + 120_000, "24h"),
    ]
    assert await final_statuses(simulation) == {"A": {("accepted", ""), ("skipped", "expired")}}


async def test_a_dead_reminder_is_listed_and_can_be_replayed_or_discarded(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    simulation.mailer.failure = lambda mail: Permanent("validation_error", status=422)
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=start_ms - 20 * HOUR_MS)
    letters = await dead_letters_of(simulation.ledger)
    assert [(letter.delivery.short_name, letter.address, letter.delivery.step) for letter in letters] == [
        ("72h", BORIS, None),
        ("24h", BORIS, None),
    ]

    simulation.mailer.failure = lambda mail: None
    died_ms, now_ms = letters[0].dead_since_ms, clock.now_ms()
    assert await simulation.ledger.dead_letters.discard(letters[0].id, dead_since_ms=died_ms, now_ms=now_ms)
    assert await simulation.ledger.dead_letters.replay(letters[1].id, now_ms=clock.now_ms(), way="fresh")
    await simulation.run()

    assert [name for _, name in reminders(simulation)] == ["24h", "2h"]
    assert await dead_letters_of(simulation.ledger) == []
    assert (await read_store_stats(simulation.ledger, now_ms=clock.now_ms())).deliveries == {"accepted": 2, "dead": 1}


async def test_a_repeated_webhook_gets_the_answer_of_the_first(simulation, clock):
    event = reported(simulation, clock)[0]
    bookings = simulation.ledger.bookings
    first = await bookings.accept(event, webhook_id="calcom:1")
    again = await bookings.accept(
        replace(event, received_ms=event.received_ms + 5, email="ada@example.org"), webhook_id="calcom:1"
    )

    assert replace(first, repeated=True) == again
    assert (first.booking_uid, first.email, first.meeting_time_ms) == ("A", BORIS, event.start_ms)


async def test_sweeper_reschedules_a_lost_booking_job_and_a_lost_reminder(simulation, clock):
    start_ms = clock.now_ms() + 10 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.ledger.client.delete(keys.delayed("bookings"), keys.delayed("bookings") + ".msgs")
    clock.advance(50_000)
    assert (await simulation.ledger.schedule.sweep("0", now_ms=clock.now_ms()))[1] == [booking_id("A")]

    await simulation.run(until_ms=clock.now_ms() + 1_000)
    await simulation.ledger.client.delete(keys.delayed("send"), keys.delayed("send") + ".msgs")
    clock.move_to(start_ms - 71 * HOUR_MS)
    await simulation.ledger.schedule.sweep("0", now_ms=clock.now_ms())
    await simulation.run(until_ms=clock.now_ms() + 1_000)

    assert [name for _, name in reminders(simulation)] == ["72h"]
    call = await anext(simulation.ledger.bookings.calls(WHO))
    assert call.booking.state is BookingState.BOOKED
