"""An SMS whose answer was lost is looked up in the provider's list, and never confused with another one."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import redis.asyncio

from actors.dead_letters import Way, plan
from actors.upkeep.restored_store import settle
from common.campaigns.campaign import Campaign
from common.clock import VirtualClock
from common.domain.ids import booking_id, reminder_delivery_id
from common.domain.sms import Sms
from common.errors import Ambiguous, Misconfigured, Permanent, Transient
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.ledger_reads import record_of

NUMBER = "+14165550123"
START_MS = round(datetime(2026, 3, 12, 14, tzinfo=ZoneInfo("America/Toronto")).timestamp() * 1000)
HOUR_MS = 3_600_000


@pytest.fixture
def run(store: redis.asyncio.Redis, texting: Campaign, clock: VirtualClock) -> Simulation:
    """A simulation that retries nothing on its own."""
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion", "twilio"}), retry_attempts=0)
    clock.move_to(START_MS - 80 * HOUR_MS)
    return Simulation(store, texting, settings, clock=clock)


async def book(run: Simulation, name: str, number: str = NUMBER) -> None:
    await run.book(
        f"{name}@example.org",
        START_MS,
        uid=name,
        first_name="Sam",
        timezone="America/Toronto",
        sms_number=number,
    )


async def outcome(run: Simulation, name: str) -> tuple[str, str]:
    record = await record_of(run.ledger, reminder_delivery_id(booking_id(name), start_ms=START_MS, name="24h.sms"))
    assert record is not None
    return str(record.status), record.detail


async def test_last_attempt_of_an_sms_is_looked_up_too(run):
    run.texter.failure = lambda _text: Ambiguous("read_timeout") if not run.texter.accepted_texts else None
    await book(run, "ada")
    await run.run()

    assert await outcome(run, "ada") == ("accepted", f"SM{0:032x}")


async def test_lost_sms_is_not_matched_with_the_same_text_of_another_call(run):
    await book(run, "ada")
    await run.run(until_ms=START_MS - 24 * HOUR_MS)
    run.texter.failure, run.texter.loses = lambda _text: Ambiguous("read_timeout"), lambda _text: True
    await book(run, "boris")
    await run.run()

    assert await outcome(run, "ada") == ("accepted", f"SM{0:032x}")
    status, reason = await outcome(run, "boris")
    assert status == "dead"
    assert "not found among what Twilio lists" in reason


async def test_lost_sms_is_not_matched_with_the_same_text_to_another_number(run):
    await book(run, "ada", "+14165550199")
    await run.run(until_ms=START_MS - 24 * HOUR_MS)
    run.texter.failure, run.texter.loses = lambda _text: Ambiguous("read_timeout"), lambda _text: True
    await book(run, "boris")
    await run.run()

    assert (await outcome(run, "boris"))[0] == "dead"


async def test_lost_sms_is_not_matched_with_a_text_written_by_hand(run):
    run.texter.failure, run.texter.loses = lambda _text: Ambiguous("read_timeout"), lambda _text: True
    await book(run, "ada")
    await run.run(until_ms=START_MS - 25 * HOUR_MS)
    by_hand = Sms(to=NUMBER, body="Call me back", valid_until_ms=START_MS, reference={})
    run.texter.accepted_texts.append((START_MS - 24 * HOUR_MS, by_hand))
    await run.run()

    assert (await outcome(run, "ada"))[0] == "dead"


async def test_lost_sms_is_looked_up_as_it_was_sent_even_in_quiet_hours(run):
    run.texter.failure = lambda _text: Ambiguous("read_timeout") if not run.texter.accepted_texts else None
    run.texter.list_failure = Transient("connect")
    await book(run, "ada")
    await run.run(until_ms=START_MS - 17 * HOUR_MS)  # nine in the evening
    run.texter.list_failure = None
    await run.run()

    assert await outcome(run, "ada") == ("accepted", f"SM{0:032x}")


async def test_sms_attempted_during_a_twilio_outage_is_not_sent_again(run):
    tried: set[str] = set()

    def fail_for_an_hour(text: Sms) -> Ambiguous | None:
        if run.clock.now_ms() >= START_MS - 23 * HOUR_MS:
            return None
        tried.add(text.to)
        return Ambiguous("http_503", status=503)

    run.texter.failure, run.texter.loses = fail_for_an_hour, lambda _text: True
    for number in range(5):
        await book(run, f"p{number}", f"+141655501{number:02}")
    await run.run()

    assert len(tried) >= 3
    assert tried & {text.to for _, text in run.texter.accepted_texts} == set()


@pytest.mark.parametrize("written", [NUMBER, "(416) 555-0123"])
@pytest.mark.parametrize(("sent", "status"), [(False, "planned"), (True, "dead")])
async def test_sms_that_may_have_been_sent_after_the_backup_waits_for_a_person_after_a_restore(
    run, sent, status, written
):
    await book(run, "ada", written)
    await run.run(until_ms=START_MS - 60 * HOUR_MS)
    backup_ms = run.clock.now_ms()
    if sent:
        text = Sms(to=NUMBER, body="A reminder", valid_until_ms=START_MS, reference={})
        await run.texter.send(text)

    await settle(run.world, store_ms=backup_ms)

    assert (await outcome(run, "ada"))[0] == status


@pytest.mark.parametrize(("sent", "way"), [([], Way.AGAIN), (["In other words"], Way.REFUSED)])
async def test_replay_of_an_sms_lost_with_its_store_is_refused_when_another_sms_is_listed(run, sent, way):
    await book(run, "ada")
    await run.run(until_ms=START_MS - 25 * HOUR_MS)
    backup_ms = run.clock.now_ms()
    run.clock.advance(2 * HOUR_MS)
    for words in sent:
        await run.texter.send(Sms(to=NUMBER, body=words, valid_until_ms=START_MS, reference={}))
    await settle(run.world, store_ms=backup_ms)
    letter = await run.ledger.dead_letters.get(
        reminder_delivery_id(booking_id("ada"), start_ms=START_MS, name="24h.sms")
    )

    assert (await plan(run.world, letter)).way is way


async def test_sms_sent_early_two_days_before_the_restore_is_not_sent_again_by_a_replay(run):
    await book(run, "ada")
    await run.run(until_ms=START_MS - 75 * HOUR_MS)
    backup_ms = run.clock.now_ms()
    run.clock.advance(HOUR_MS)
    await run.texter.send(Sms(to=NUMBER, body="A reminder", valid_until_ms=START_MS, reference={}))
    run.clock.advance(48 * HOUR_MS)
    await settle(run.world, store_ms=backup_ms)
    letter = await run.ledger.dead_letters.get(
        reminder_delivery_id(booking_id("ada"), start_ms=START_MS, name="24h.sms")
    )

    assert (await plan(run.world, letter)).way is Way.REFUSED


@pytest.mark.parametrize("failure", [Permanent("list_too_long"), Misconfigured("http_401", status=401)])
async def test_unreadable_sms_list_does_not_hold_a_restored_store(run, monkeypatch, failure):
    async def refuses(*_: object, **__: object) -> list[object]:
        raise failure

    await book(run, "ada")
    await run.run(until_ms=START_MS - 60 * HOUR_MS)
    monkeypatch.setattr(type(run.texter), "list_accepted", refuses)

    settled = await settle(run.world, store_ms=run.clock.now_ms())

    assert any(failure.code in note for note in settled.settlement.notes)
