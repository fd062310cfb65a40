"""Signups that arrive together are accepted in one call to the store, independently of each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import redis
import redis.asyncio

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.constants import REMEMBER_WEBHOOK_MS
from common.ledger.ledger import Ledger
from common.ledger.scripts import Scripts
from common.ledger.signups import Acceptance

DAY_MS = 86_400_000


async def together(ledger: Ledger, people: list[Assessment], *, now_ms: int) -> list[Acceptance | BaseException]:
    return await asyncio.gather(
        *(
            ledger.signups.accept(person, webhook_id=f"signup:{number}", received_ms=now_ms + number)
            for number, person in enumerate(people)
        ),
        return_exceptions=True,
    )


def people(ada: Assessment, number: int) -> list[Assessment]:
    return [replace(ada, email=f"p{index}@example.org", red_systems=index % 3) for index in range(number)]


async def test_concurrent_signups_get_their_own_answers_from_one_call(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock
) -> None:
    now_ms = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:ada", received_ms=now_ms)
    await store.config_resetstat()
    several = people(ada, 20)

    answers = await together(ledger, several, now_ms=now_ms)

    assert [(p.email, p.segment, now_ms + n) for n, p in enumerate(several)] == [
        (answer.email, answer.segment, answer.received_ms) for answer in answers if isinstance(answer, Acceptance)
    ]
    assert (await store.info("commandstats"))["cmdstat_evalsha"]["calls"] == 1
    for number, person in enumerate(several):
        enrollment = await ledger.enrollments.get(enrollment_id("christmas_2025", person.email))
        assert enrollment is not None
        assert (person, now_ms + number) == (enrollment.assessment, enrollment.anchor_ms)


async def test_failure_of_one_signup_in_a_call_does_not_affect_the_others(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock
) -> None:
    several = people(ada, 5)
    await store.set(keys.enrollment(enrollment_id("christmas_2025", several[2].email)), "not a HASH")

    answers = await together(ledger, several, now_ms=clock.now_ms())

    assert isinstance(answers[2], redis.ResponseError)
    assert "WRONGTYPE" in str(answers[2])
    assert [answer.answer for answer in answers if isinstance(answer, Acceptance)] == ["accepted"] * 4
    assert await store.exists(keys.webhook("signup:2")) == 0
    assert await store.zcard(keys.delayed("classify")) == await store.zcard(keys.UNDER_WAY) == 4
    assert await store.hget(keys.COUNTS, "accepted") == b"4"


async def test_two_concurrent_signups_of_a_contact_are_classified_by_the_newer_assessment(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock
) -> None:
    newer = replace(ada, red_systems=0)

    first, second = await together(ledger, [ada, newer], now_ms=clock.now_ms())

    assert isinstance(first, Acceptance)
    assert isinstance(second, Acceptance)
    assert (first.answer, second.answer) == ("accepted", "duplicate")
    enrollment = await ledger.enrollments.get(first.enrollment_id)
    assert enrollment is not None
    assert newer == enrollment.assessment
    assert clock.now_ms() + 1 == await store.zscore(keys.delayed("classify"), first.enrollment_id)


async def test_webhook_that_arrives_twice_at_once_is_accepted_once_and_answered_alike(
    ledger: Ledger, ada: Assessment, clock: VirtualClock
) -> None:
    first, second = await asyncio.gather(
        ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms()),
        ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms() + 1),
    )

    assert (first.repeated, second.repeated) == (False, True)
    assert (first.answer, first.received_ms) == (second.answer, second.received_ms)


@pytest.mark.parametrize("refuses", [keys.UNDER_WAY, keys.delayed("classify")])
async def test_signup_call_that_fails_at_its_end_answers_none_and_is_completed_by_a_repetition(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock, refuses: str
) -> None:
    several = people(ada, 3)
    await store.set(refuses, "of another kind")
    failed = await together(ledger, several, now_ms=clock.now_ms())
    assert all(isinstance(answer, redis.ResponseError) for answer in failed)
    assert not await store.exists(*(keys.webhook(f"signup:{number}") for number in range(3)))
    await store.delete(refuses)

    answers = await together(ledger, several, now_ms=clock.now_ms())

    assert [answer.answer for answer in answers if isinstance(answer, Acceptance)] == ["accepted"] * 3
    assert await store.zcard(keys.delayed("classify")) == await store.zcard(keys.UNDER_WAY) == 3
    assert await store.hget(keys.COUNTS, "accepted") == b"3"


async def test_signup_answer_is_remembered_for_at_least_thirty_days(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock
) -> None:
    first = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    assert await store.pttl(keys.webhook("signup:1")) == -1

    clock.advance(REMEMBER_WEBHOOK_MS)
    await ledger.schedule.forget_webhooks(now_ms=clock.now_ms())
    last = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    assert REMEMBER_WEBHOOK_MS >= 30 * DAY_MS
    assert (last.repeated, last.answer, last.received_ms) == (True, first.answer, first.received_ms)

    clock.advance(DAY_MS)
    await ledger.schedule.forget_webhooks(now_ms=clock.now_ms())
    later = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    assert (later.repeated, later.received_ms) == (False, clock.now_ms())


async def test_enrolled_contact_never_starts_again(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock
) -> None:
    first = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    accepted = await ledger.enrollments.get(first.enrollment_id)
    assert accepted is not None
    await ledger.signups.enroll(accepted, now_ms=clock.now_ms(), announce=False)
    await store.zrem(keys.UNDER_WAY, first.enrollment_id)

    again = await ledger.signups.accept(ada, webhook_id="signup:2", received_ms=clock.now_ms() + 1)

    enrollment = await ledger.enrollments.get(first.enrollment_id)
    assert enrollment is not None
    assert (again.answer, enrollment.status) == ("duplicate", "active")


async def test_signups_succeed_in_a_store_that_has_lost_its_scripts(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock
) -> None:
    await store.script_flush()

    answers = await together(ledger, [*people(ada, 5), *people(ada, 5)], now_ms=clock.now_ms())

    given = [answer.answer for answer in answers if isinstance(answer, Acceptance)]
    assert given == ["accepted"] * 5 + ["duplicate"] * 5


async def test_signups_keep_their_order_among_other_calls(ledger: Ledger, ada: Assessment, clock: VirtualClock) -> None:
    now_ms, ids = clock.now_ms(), [enrollment_id("christmas_2025", person.email) for person in people(ada, 2)]

    first, left, second, left_too = await asyncio.gather(
        ledger.signups.accept(people(ada, 2)[0], webhook_id="signup:1", received_ms=now_ms),
        ledger.enrollments.hold(ids[0], "thinking", now_ms=now_ms),
        ledger.signups.accept(people(ada, 2)[1], webhook_id="signup:2", received_ms=now_ms),
        ledger.enrollments.hold(ids[1], "thinking", now_ms=now_ms),
    )

    assert (first.answer, left, second.answer, left_too) == ("accepted", True, "accepted", True)


async def test_cancelled_signup_request_does_not_delay_the_answers_of_others(
    ledger: Ledger, ada: Assessment, clock: VirtualClock
) -> None:
    waiting = [
        asyncio.ensure_future(ledger.signups.accept(person, webhook_id=f"signup:{number}", received_ms=clock.now_ms()))
        for number, person in enumerate(people(ada, 3))
    ]
    await asyncio.sleep(0)
    waiting[1].cancel()

    assert (await waiting[0]).answer == (await waiting[2]).answer == "accepted"
    with pytest.raises(asyncio.CancelledError):
        await waiting[1]
    assert await ledger.enrollments.get(enrollment_id("christmas_2025", people(ada, 3)[1].email)) is not None


async def test_call_that_cannot_be_encoded_fails_for_all_waiting_signups(store: redis.asyncio.Redis) -> None:
    scripts = Scripts(store)
    async with asyncio.timeout(60):
        answers = await asyncio.gather(
            *(
                scripts.run("signups.accept", [f"w{reported}", f"e{reported}"], ["{}", reported])
                for reported in "a\ud800c"
            ),
            return_exceptions=True,
        )

    assert [UnicodeEncodeError] * 3 == [type(answer) for answer in answers]


async def test_signup_without_an_answer_in_a_short_reply_gets_an_error(
    store: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = Scripts(store)
    monkeypatch.setattr(scripts, "_one", answer_for_one)
    async with asyncio.timeout(60):
        first, second = await asyncio.gather(
            *(scripts.run("signups.accept", ["w", "e"], ["{}", ""]) for _ in range(2)), return_exceptions=True
        )

    assert first == "the first"
    assert isinstance(second, ValueError)


async def answer_for_one(_: object) -> list[str]:
    return ["the first"]
