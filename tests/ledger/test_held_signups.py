"""Nobody can flood a mailbox through Advent: signups above a limit are held, and delay no other signup."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis.asyncio

from common.domain.cadence import Cadence
from common.domain.contact import Assessment, Consent
from common.domain.enrollment import ExitReason, Status
from common.domain.ids import enrollment_id
from common.domain.signup_bounds import Bound, SignupBounds
from common.ledger import keys
from common.ledger.enrollments import Restoration
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import read_store_stats
from tests.ledger.planned import HOUR_MS, restored_of
from tests.ledger_reads import timeline_of

NOW_MS = 1_764_000_000_000


def bounded(store: redis.asyncio.Redis, cadence: Cadence, **bounds: int) -> Ledger:
    return Ledger(
        store, campaign="christmas_2025", cadence=cadence, secret_key="s" * 32, signup_bounds=SignupBounds(**bounds)
    )


@pytest.fixture
def ledger(store: redis.asyncio.Redis, cadence: Cadence) -> Ledger:
    """A ledger that accepts three signups an hour, and two from one visitor."""
    return bounded(store, cadence, per_hour=3, per_source=2)


@pytest.fixture
def signs_up(ledger: Ledger, ada: Assessment):
    async def act(name: str, at_ms: int = NOW_MS, *, visitor: str | None = None, again: str = "", **given):
        person = replace(ada, email=f"{name}@example.org", **given)
        webhook = f"signup:{name}{again}"
        return await ledger.signups.accept(person, webhook_id=webhook, received_ms=at_ms, visitor=visitor)

    return act


def whose(name: str) -> str:
    return enrollment_id("christmas_2025", f"{name}@example.org")


async def status(ledger: Ledger, name: str) -> Status | None:
    known = await ledger.enrollments.get(whose(name))
    return known.status if known else None


async def scheduled(ledger: Ledger) -> set[str]:
    return {job.decode() for job in await ledger.client.zrange(keys.delayed("classify"), 0, -1)}


async def held(ledger: Ledger) -> list[tuple[str, Bound, str | None]]:
    return [(one.email.partition("@")[0], one.bound, one.visitor) async for one in ledger.held_signups.read_all()]


async def test_signup_above_the_hourly_limit_is_accepted_and_held(ledger, signs_up):
    answers = [await signs_up(f"p{n}") for n in range(4)]

    assert [answer.answer for answer in answers] == ["accepted"] * 4
    assert await held(ledger) == [("p3", Bound.HOUR, None)]
    assert Status.HELD is await status(ledger, "p3")
    assert {whose("p0"), whose("p1"), whose("p2")} == await scheduled(ledger)
    assert (await read_store_stats(ledger, now_ms=NOW_MS)).held_signups == {Bound.HOUR: 1}
    assert (await read_store_stats(ledger, now_ms=NOW_MS)).enrollments["accepted"] == 3
    assert [whose(f"p{n}") for n in range(3)] == sorted(
        [one async for one in ledger.enrollments.ids()], key=[whose(f"p{n}") for n in range(3)].index
    )


async def test_hourly_limit_counts_the_last_60_minutes_and_not_a_clock_hour(ledger, signs_up):
    for n in range(3):
        await signs_up(f"p{n}", NOW_MS + n * 1_000)

    await signs_up("too_early", NOW_MS + HOUR_MS - 1)
    await signs_up("in_time", NOW_MS + HOUR_MS)
    await signs_up("too_early_too", NOW_MS + HOUR_MS + 1)

    assert [name for name, *_ in await held(ledger)] == ["too_early", "too_early_too"]


async def test_visitor_above_the_limit_for_visitors_takes_no_place_of_others(ledger, signs_up):
    for n in range(50):
        await signs_up(f"false{n}", visitor="v1")
    await signs_up("real", visitor="v2")

    assert {("v1", Bound.SOURCE)} == {(visitor, bound) for _, bound, visitor in await held(ledger)}
    assert Status.ACCEPTED is await status(ledger, "real")
    assert (await read_store_stats(ledger, now_ms=NOW_MS)).held_signups == {Bound.SOURCE: 48}


async def test_signup_without_a_visitor_counts_only_for_the_hourly_limit(ledger, signs_up):
    for n in range(3):
        await signs_up(f"p{n}")

    assert await held(ledger) == []


async def test_a_known_contact_who_signs_up_again_takes_no_place(ledger, signs_up):
    for n in range(9):
        await signs_up("ada", NOW_MS + n, again=str(n))
    await signs_up("boris")
    await signs_up("chen")

    assert await held(ledger) == []


async def test_a_repeated_webhook_gets_the_same_answer_and_takes_no_place(ledger, signs_up):
    for _ in range(5):
        await signs_up("ada", visitor="v1")
    first = [await signs_up(f"p{n}", visitor="v1") for n in (1, 2)]
    again = [await signs_up(f"p{n}", visitor="v1") for n in (1, 2)]

    assert [replace(answer, repeated=True) for answer in first] == again
    assert [name for name, *_ in await held(ledger)] == ["p2"]


async def test_later_signup_within_the_limits_releases_a_held_contact_and_sets_the_anchor(ledger, signs_up):
    consent = Consent(text="of the flood")
    await signs_up("a", visitor="v1")
    await signs_up("b", visitor="v1")
    await signs_up("real", visitor="v1", consent=consent, first_name="Advert")
    later_ms = NOW_MS + 5_000

    again = await signs_up("real", later_ms, visitor="v2", again="2", first_name="Real")

    known = await ledger.enrollments.get(whose("real"))
    assert ("duplicate", whose("real")) == (again.answer, again.enrollment_id)
    assert (Status.ACCEPTED, later_ms, "Real", None) == (
        known.status, known.anchor_ms, known.assessment.first_name, known.assessment.consent
    )  # fmt: skip
    assert whose("real") in await scheduled(ledger)
    assert await held(ledger) == []
    assert (await read_store_stats(ledger, now_ms=NOW_MS)).held_signups == {}


async def test_later_signup_above_the_limits_changes_nothing(ledger, signs_up):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")
    before = await ledger.enrollments.get(whose("held"))

    await signs_up("held", NOW_MS + 1, visitor="v1", again="2", first_name="Other")

    assert before == await ledger.enrollments.get(whose("held"))
    assert [name for name, *_ in await held(ledger)] == ["held"]


async def test_released_signup_starts_at_its_release(ledger, signs_up):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")
    later_ms = NOW_MS + 100 * HOUR_MS

    assert await ledger.held_signups.release([whose("held"), whose("a")], now_ms=later_ms) == 1
    assert await ledger.held_signups.release([whose("held")], now_ms=later_ms + 1) == 0

    known = await ledger.enrollments.get(whose("held"))
    assert (Status.ACCEPTED, later_ms) == (known.status, known.anchor_ms)
    assert later_ms == await ledger.client.zscore(keys.UNDER_WAY, whose("held"))
    assert Status.ACTIVE is await ledger.signups.enroll(known, now_ms=later_ms, announce=False)
    assert later_ms == await ledger.client.zscore(keys.delayed("send"), f"{whose('held')}/step-1")
    stats = await read_store_stats(ledger, now_ms=later_ms)
    assert (stats.held_signups, stats.enrollments["accepted"], stats.enrollments["active"]) == ({}, 2, 1)
    assert [entry.what for entry in await timeline_of(ledger, whose("held"))] == [
        "signup held",
        "signup released",
        "signed up",
    ]


async def test_discarded_signup_leaves_nothing_and_blocks_no_later_signup(ledger, signs_up):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")

    assert await ledger.held_signups.discard([whose("held"), whose("a")]) == 1

    assert not await ledger.client.keys(f"*{whose('held')}*")
    assert (await read_store_stats(ledger, now_ms=NOW_MS)).held_signups == {}
    later = await signs_up("held", NOW_MS + HOUR_MS, visitor="v1", again="2")
    assert (later.answer, await status(ledger, "held")) == ("accepted", Status.ACCEPTED)


async def test_held_contact_who_unsubscribes_has_exited(ledger, signs_up):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")

    assert await ledger.enrollments.exit(whose("held"), ExitReason.UNSUBSCRIBED, address_hash=None, now_ms=NOW_MS)

    stats = await read_store_stats(ledger, now_ms=NOW_MS)
    assert (stats.held_signups, stats.enrollments["accepted"], stats.enrollments["exited"]) == ({}, 2, 1)
    assert await ledger.held_signups.release([whose("held")], now_ms=NOW_MS) == 0


async def test_held_contact_who_books_is_released_with_the_hold_for_the_call(ledger, signs_up):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")

    assert await ledger.enrollments.hold(whose("held"), "booked", now_ms=NOW_MS)
    await ledger.held_signups.release([whose("held")], now_ms=NOW_MS)
    await ledger.signups.enroll(await ledger.enrollments.get(whose("held")), now_ms=NOW_MS, announce=False)

    assert await ledger.client.zscore(keys.delayed("send"), f"{whose('held')}/step-1") is None


async def test_held_contact_found_in_notion_is_released(ledger, signs_up, ada):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")
    person = restored_of(replace(ada, email="held@example.org"), NOW_MS - HOUR_MS, sent_ms={1: NOW_MS - HOUR_MS})

    assert await ledger.enrollments.restore(Restoration(person=person), now_ms=NOW_MS) == "merged"

    stats = await read_store_stats(ledger, now_ms=NOW_MS)
    assert (stats.held_signups, stats.enrollments["accepted"], stats.enrollments["active"]) == ({}, 2, 1)
    assert await ledger.client.zcard(keys.UNDER_WAY) == 3


async def test_forgetting_erases_a_held_signup(ledger, signs_up):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")

    traces = await ledger.contacts.find_traces("held@example.org")
    assert traces.enrolled == 1
    await ledger.contacts.forget(traces, now_ms=NOW_MS)

    assert not await ledger.client.keys(f"*{whose('held')}*")
    assert await held(ledger) == []
    stats = await read_store_stats(ledger, now_ms=NOW_MS)
    assert (stats.held_signups, stats.enrollments["accepted"]) == ({}, 2)


async def test_visitor_of_a_signup_is_stored_for_a_day(ledger, signs_up):
    for name in ("a", "b", "held"):
        await signs_up(name, visitor="v1")

    for key in (keys.visitor_of(whose("held")), f"{keys.PASSED}:v1", keys.PASSED):
        assert 23 * HOUR_MS < await ledger.client.pttl(key) <= 24 * HOUR_MS


async def test_without_limits_no_signup_is_held_or_counted(store, cadence, ada):
    ledger = bounded(store, cadence)
    for n in range(50):
        person = replace(ada, email=f"p{n}@example.org")
        await ledger.signups.accept(person, webhook_id=f"signup:{n}", received_ms=NOW_MS, visitor="v1")

    assert await held(ledger) == []
    assert not await store.keys(f"{keys.PASSED}*")
