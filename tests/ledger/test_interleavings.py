"""Whatever two workers, the clock, the provider and the contact do, in any order: no step is sent twice."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.enrollment import Status
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from common.store.clients import connect_async
from tests.ledger.play import MINUTE_MS, WORKERS, Play

STEPS = 3
SECOND = 1_000
CADENCE = Cadence(tuple(n * MINUTE_MS for n in range(STEPS)), 30 * SECOND)
ADA = Assessment(email="ada@example.org", first_name="Ada", assessment_score=50)
ENROLLMENT = enrollment_id("c", ADA.email)
JOBS = [step_delivery_id(ENROLLMENT, step) for step in range(1, STEPS + 1)]

# Weighted by hand towards what goes wrong: two workers around the same first steps, dying, forgetting, coming back.
MOVES = (
    [("try", worker, job) for worker in WORKERS for job in (0, 0, 1)]
    + [("claim", worker, job) for worker in WORKERS for job in (0, 1)]
    + [("freeze", worker, job) for worker in WORKERS for job in (0, 0, 1)]
    + [
        ("settle", worker, job, outcome)
        for worker in WORKERS
        for job in (0, 0, 1)
        for outcome in ("accepted", "retry", "defer", "dead")
    ]
    + [("die", worker) for worker in WORKERS for _ in range(3)]
    + [("live", worker) for worker in WORKERS for _ in range(2)]
    + [("pass", seconds) for seconds in (1, 31, 61, 61, 61, 3_600)]
    + [("send", "w1", 1), ("send", "w2", 2), ("sweep",), ("replay", 0), ("replay", 1), ("unsubscribe",), ("accept", 2)]
)
moves = st.sampled_from(MOVES)


class StepsPlay(Play):
    """Ada's steps, and a provider that remembers what it accepted."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger, JOBS)
        self.accepted = [0] * STEPS

    async def accept(self, webhook: int) -> None:
        await self.ledger.signups.accept(ADA, webhook_id=f"signup:{webhook}", received_ms=self.now_ms)

    async def enroll(self) -> None:
        known = await self.ledger.enrollments.get(ENROLLMENT)
        if known is not None:
            await self.ledger.signups.enroll(known, now_ms=self.now_ms, announce=False)

    def on_granted(self, job: int, claim: ClaimGranted) -> None:
        # No second claim is granted while another is valid, unless its worker died or lost it.
        assert self.accepted[job] == 0 or claim.payload is not None or claim.outcome_unknown

    def on_settled(self, job: int, outcome: str) -> None:
        if outcome == "accepted":
            self.accepted[job] += 1

    async def send(self, worker: str, job: int) -> None:
        await self.tries(worker, job)
        await self.settle(worker, job, "accepted")

    async def unsubscribe(self) -> None:
        if await self.ledger.enrollments.get(ENROLLMENT) is not None:
            self.left = True
        await self.ledger.enrollments.unsubscribe(
            ENROLLMENT, address_hash=self.ledger.store.address_hash(ADA.email), now_ms=self.now_ms
        )

    async def check(self) -> None:
        self.each_is_handed_over_with_the_same_bytes()
        known = await self.ledger.enrollments.get(ENROLLMENT)
        if known is None:
            return
        assert sum(int(n) for n in (await self.ledger.client.hmget(keys.COUNTS, [s.value for s in Status])) if n) == 1
        await self.nothing_is_lost(known)

    async def nothing_is_lost(self, known) -> None:
        """Check that every job without a final status is scheduled, at the latest by the sweeper."""
        self.now_ms += 3_600 * SECOND
        await self.ledger.schedule.sweep("0", now_ms=self.now_ms)
        if known.status is Status.ACCEPTED:
            assert await self.ledger.client.zscore(keys.delayed("classify"), ENROLLMENT) is not None
        if known.status is not Status.ACTIVE:
            return
        for step in range(1, (known.next_step or STEPS) + 1):
            if step not in known.records:
                job = step_delivery_id(ENROLLMENT, step)
                assert await self.ledger.client.zscore(keys.delayed("send"), job) is not None, f"{job} is lost"


@example(
    # A worker that is considered dead settles as accepted a mail that it never handed over.
    [
        ("die", "w1"),
        ("pass", 61),
        ("claim", "w1", 1),
        ("claim", "w2", 1),
        ("settle", "w1", 1, "accepted"),
        ("pass", 61),
        ("try", "w1", 1),
    ]
)
@pytest.mark.timeout(120)
@settings(max_examples=300)
@given(st.lists(moves, min_size=10, max_size=60))
def test_in_any_order_of_events_nothing_is_sent_twice_and_nothing_is_lost(store_url, moves):
    async def play() -> None:
        client = connect_async(store_url)
        try:
            game = StepsPlay(Ledger(client, campaign="c", cadence=CADENCE, secret_key="k" * 32))
            await game.begin()
            await game.accept(1)
            await game.enroll()
            for move in moves:
                await game.move(move)
            await game.check()
        finally:
            await client.aclose()

    asyncio.run(play())
