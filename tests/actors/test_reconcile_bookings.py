"""The comparison with Cal.com's list repairs what no webhook reported, and never undoes what a webhook reported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio

from actors.upkeep.booking_sync import EVERY_MS, reconcile_bookings, schedule_next
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.booking import BookingKind
from common.domain.booking_diff import ListedBooking
from common.domain.ids import booking_id, enrollment_id
from common.errors import Failure, Misconfigured, Throttled, Transient
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import read_store_stats
from common.settings.settings import Settings
from services.simulation.engine import Simulation

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
BORIS = "boris@example.org"
WHO = enrollment_id("christmas_2025", BORIS)


class Diary:
    """A Cal.com in this process: it lists `rows`, or raises `trouble` if that is set."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.rows: dict[str, ListedBooking] = {}
        self.asked: list[tuple[int, ...]] = []
        self.trouble: Failure | None = None

    def put(self, uid: str, start_ms: int, **reported: Any) -> None:
        """List a booking that was created and changed just now."""
        now_ms = self.clock.now_ms()
        known: dict[str, Any] = {
            "uid": uid,
            "status": "accepted",
            "created_ms": now_ms,
            "updated_ms": now_ms,
            "start_ms": start_ms,
            "end_ms": start_ms + HOUR_MS // 2,
            "email": BORIS,
        }
        self.rows[uid] = ListedBooking(**known | reported)

    def change(self, uid: str, **reported: Any) -> None:
        self.rows[uid] = replace(self.rows[uid], updated_ms=self.clock.now_ms(), **reported)

    async def between(self, start_ms: int, end_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        self.asked.append((start_ms, end_ms))
        yield self._page(lambda row: start_ms <= row.start_ms and row.end_ms <= end_ms)

    async def changed_since(self, since_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        self.asked.append((since_ms,))
        yield self._page(lambda row: (row.updated_ms or 0) >= since_ms)

    def _page(self, meets: Callable[[ListedBooking], bool]) -> list[ListedBooking]:
        if self.trouble is not None:
            raise self.trouble
        return [row for row in self.rows.values() if meets(row)]


@pytest.fixture
def diary(clock: VirtualClock) -> Diary:
    return Diary(clock)


@pytest.fixture
def simulation(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock, diary: Diary) -> Simulation:
    return playing(store, campaign, clock, diary)


def playing(
    store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock, diary: Diary | None, **reported: Any
) -> Simulation:
    settings = Settings(**{"secret_key": "k" * 32, "sandboxed": frozenset({"resend", "notion"})} | reported)
    found = Simulation(store, campaign, settings, clock=clock)
    found.world = replace(found.world, calendar=diary)
    return found


async def compare(simulation: Simulation) -> None:
    """Run one comparison and the jobs that follow from it."""
    await schedule_next(simulation.world)
    await simulation.run(until_ms=simulation.clock.now_ms() + EVERY_MS + 1_000)


async def undisturbed(simulation: Simulation, until_ms: int) -> None:
    """Run until then without any comparison."""
    world = simulation.world
    simulation.world = replace(world, calendar=None)
    await simulation.run(until_ms=until_ms)
    simulation.world = world


def stand(simulation: Simulation) -> str:
    found = simulation.mirror.bookings[WHO]
    assert found is not None
    return found.status


async def test_a_booking_whose_webhook_was_lost_gets_its_reminders(simulation: Simulation, diary: Diary):
    start_ms = simulation.clock.now_ms() + 5 * DAY_MS
    diary.put("A", start_ms)

    await compare(simulation)
    await undisturbed(simulation, start_ms + HOUR_MS)
    await compare(simulation)

    assert [start_ms - at_ms for at_ms, _ in simulation.mailer.accepted_mails] == [
        72 * HOUR_MS,
        24 * HOUR_MS,
        2 * HOUR_MS,
    ]
    assert stand(simulation) == "Completed"


async def test_a_lost_move_moves_the_reminders_and_a_lost_cancellation_ends_them(simulation: Simulation, diary: Diary):
    start_ms = simulation.clock.now_ms() + 5 * DAY_MS
    diary.put("A", start_ms)
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=simulation.clock.now_ms() + HOUR_MS)
    diary.put("B", start_ms + 3 * DAY_MS, moved_from="A")
    diary.change("A", status="cancelled", moved_to="B")

    await compare(simulation)
    await undisturbed(simulation, start_ms + HOUR_MS)
    assert [start_ms - at_ms for at_ms, _ in simulation.mailer.accepted_mails] == [0]
    assert stand(simulation) == "Booked"

    diary.change("B", status="cancelled")
    await compare(simulation)
    await undisturbed(simulation, start_ms + 4 * DAY_MS)
    assert len(simulation.mailer.accepted_mails) == 1
    assert stand(simulation) == "Not Booked"


async def test_stale_row_does_not_revive_a_booking_that_a_webhook_ended(simulation: Simulation, diary: Diary):
    start_ms = simulation.clock.now_ms() + 5 * DAY_MS
    diary.put("A", start_ms)
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.run(until_ms=simulation.clock.now_ms() + HOUR_MS)
    await simulation.cancel("A")

    for _ in range(14):
        await compare(simulation)
    await undisturbed(simulation, start_ms)

    assert simulation.mailer.accepted_mails == []
    assert stand(simulation) == "Not Booked"


async def test_request_to_reschedule_is_not_recorded_again_as_a_plain_cancellation(
    simulation: Simulation, diary: Diary
):
    start_ms = simulation.clock.now_ms() + 5 * DAY_MS
    await simulation.book(BORIS, start_ms, uid="A")
    await simulation.cancel("A", request_reschedule=True)
    await simulation.run(until_ms=simulation.clock.now_ms() + HOUR_MS)
    diary.put("A", start_ms, status="cancelled")
    before = await simulation.ledger.client.hgetall(keys.contact(WHO))

    await compare(simulation)

    assert before == await simulation.ledger.client.hgetall(keys.contact(WHO))


async def test_changes_are_requested_each_turn_and_the_whole_window_once_an_hour(simulation: Simulation, diary: Diary):
    began_ms = simulation.clock.now_ms()
    await schedule_next(simulation.world)
    await simulation.run(until_ms=began_ms + 24 * EVERY_MS)

    whole = [asked for asked in diary.asked if len(asked) == 2]
    changes = [asked for asked in diary.asked if len(asked) == 1]
    assert (len(whole), len(changes)) == (2, 24)
    first_ms = whole[0][0] + DAY_MS
    assert whole[0] == (first_ms - DAY_MS, first_ms + 60 * DAY_MS)
    assert changes[1] == (first_ms - 900_000,)


async def test_any_number_of_workers_compare_once_a_turn(simulation: Simulation, diary: Diary):
    for _ in range(5):
        await schedule_next(simulation.world)
    await simulation.run(until_ms=simulation.clock.now_ms() + EVERY_MS)

    assert len(diary.asked) == 2


async def test_lost_comparison_job_is_scheduled_again(simulation: Simulation, diary: Diary):
    await schedule_next(simulation.world)
    await simulation.ledger.client.delete(keys.delayed("reconcile_bookings"))
    await schedule_next(simulation.world)
    await simulation.run(until_ms=simulation.clock.now_ms() + EVERY_MS)

    assert len(diary.asked) == 2


async def test_no_comparison_is_scheduled_without_a_calcom_key(store, campaign, clock):
    simulation = playing(store, campaign, clock, None)

    await schedule_next(simulation.world)
    await reconcile_bookings(simulation.world, "poll/1")

    assert await store.keys("*reconcile_bookings*") == []


async def test_calcom_failure_is_shown_delays_no_mail_and_clears_with_the_next_answer(
    simulation: Simulation, diary: Diary
):
    start_ms = simulation.clock.now_ms() + 5 * DAY_MS
    diary.put("A", start_ms)
    diary.trouble = Transient("http_503", status=503)
    await compare(simulation)
    assert (await read_store_stats(simulation.ledger, now_ms=simulation.clock.now_ms())).circuits == {}
    await simulation.run(until_ms=simulation.clock.now_ms() + 3 * EVERY_MS)
    shown = (await read_store_stats(simulation.ledger, now_ms=simulation.clock.now_ms())).circuits
    assert shown["calcom"].reason == "http_503 (503)"
    await simulation.book(BORIS, start_ms, uid="A")
    await undisturbed(simulation, start_ms - 70 * HOUR_MS)
    assert len(simulation.mailer.accepted_mails) == 1

    diary.trouble = None
    await compare(simulation)
    assert (await read_store_stats(simulation.ledger, now_ms=simulation.clock.now_ms())).circuits == {}


async def test_wrong_calcom_key_is_shown_at_once_and_a_throttled_turn_is_repeated(simulation: Simulation, diary: Diary):
    diary.trouble = Misconfigured("http_401", status=401)
    await compare(simulation)
    assert "calcom" in (await read_store_stats(simulation.ledger, now_ms=simulation.clock.now_ms())).circuits

    diary.trouble = Throttled("http_429", status=429, retry_after_ms=60_000)
    await compare(simulation)
    assert await simulation.ledger.client.hgetall(keys.calendar("christmas_2025")) == {}


async def test_listed_bookings_of_other_event_types_are_ignored(store, campaign, clock, diary):
    simulation = playing(store, campaign, clock, diary, calcom_event_types="strategy-call")
    start_ms = clock.now_ms() + 5 * DAY_MS
    diary.put("A", start_ms, event_types=("7", "coffee"))
    diary.put("B", start_ms, event_types=("8", "strategy-call"))

    await compare(simulation)

    assert await store.keys("*booking:bkg_*") == [keys.booking(booking_id("B")).encode()]
    assert stand(simulation) == "Booked"


async def test_comparisons_follow_the_campaign_speed(store, campaign, clock, diary):
    simulation = playing(store, campaign, clock, diary, testing_mode=True, campaign_speed=60)

    await schedule_next(simulation.world)
    await simulation.run(until_ms=clock.now_ms() + 50_000)

    assert len([asked for asked in diary.asked if len(asked) == 1]) == 10


async def test_listed_pending_booking_is_booked_once_a_webhook_confirms_it(simulation: Simulation, diary: Diary):
    start_ms = simulation.clock.now_ms() + 5 * DAY_MS
    diary.put("A", start_ms, status="pending")
    await compare(simulation)
    assert stand(simulation) == "Not Booked"
    await simulation.change_booking(BookingKind.CREATED, "A", email=BORIS, start_ms=start_ms)
    await compare(simulation)

    assert stand(simulation) == "Booked"


async def test_comparison_waits_through_a_store_outage(
    simulation: Simulation, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, hset = simulation.ledger.client, simulation.ledger.client.hset
    away = [redis.ConnectionError("Connection closed by server.")]

    async def interrupted(*given: Any) -> Any:
        if away:
            raise away.pop()
        return await hset(*given)

    monkeypatch.setattr(client, "hset", interrupted)
    patient = Ledger(
        client,
        campaign=simulation.ledger.campaign,
        cadence=simulation.ledger.cadence,
        secret_key="k" * 32,
        patient=True,
    )

    await reconcile_bookings(replace(simulation.world, ledger=patient), "poll/1")

    assert not away
    assert {b"all", b"changes"} <= set(await client.hgetall(keys.calendar("christmas_2025")))
