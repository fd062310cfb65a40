"""Whatever two workers, the clock, the provider and the person do, in any order: nobody gets a step twice."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.enrollment import Status
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger
from common.store.clients import connect_async

STEPS = 3
SECOND = 1_000
CADENCE = Cadence(tuple(n * 60 * SECOND for n in range(STEPS)), 30 * SECOND)
ADA = Assessment(email="ada@example.org", first_name="Ada", assessment_score=50)
ENROLLMENT = enrollment_id("c", ADA.email)
WORKERS = ("w1", "w2")

# Weighted by hand towards what goes wrong: two workers around the same first steps, dying, forgetting, coming back.
MOVES = (
    [("try", worker, step) for worker in WORKERS for step in (1, 1, 2)]
    + [("claim", worker, step) for worker in WORKERS for step in (1, 2)]
    + [("freeze", worker, step) for worker in WORKERS for step in (1, 1, 2)]
    + [
        ("settle", worker, step, outcome)
        for worker in WORKERS
        for step in (1, 1, 2)
        for outcome in ("accepted", "retry", "defer", "dead")
    ]
    + [("die", worker) for worker in WORKERS for _ in range(3)]
    + [("live", worker) for worker in WORKERS for _ in range(2)]
    + [("pass", seconds) for seconds in (1, 31, 61, 61, 61, 3_600)]
    + [("send", "w1", 2), ("send", "w2", 3), ("sweep",), ("replay", 1), ("replay", 2), ("unsubscribe",), ("accept", 2)]
)
moves = st.sampled_from(MOVES)


class Play:
    """The ledger, and a provider that counts what it accepts under each key and remembers it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.now_ms = 1_764_000_000_000
        self.claims: dict[tuple[str, int], ClaimGranted] = {}
        self.bytes: dict[int, set[str]] = {step: set() for step in range(1, STEPS + 1)}
        self.accepted: dict[int, int] = dict.fromkeys(range(1, STEPS + 1), 0)
        self.instants: list[tuple[int, int]] = []
        self.left = False

    async def move(self, move: tuple) -> None:
        await getattr(self, {"pass": "passes", "try": "tries"}.get(move[0], move[0]))(*move[1:])

    async def accept(self, webhook: int) -> None:
        await self.ledger.signups.accept(ADA, webhook_id=f"signup:{webhook}", received_ms=self.now_ms)

    async def enroll(self) -> None:
        known = await self.ledger.enrollments.get(ENROLLMENT)
        if known is not None:
            await self.ledger.signups.enroll(known, now_ms=self.now_ms, announce=False)

    async def passes(self, seconds: int) -> None:
        self.now_ms += seconds * SECOND

    async def claim(self, worker: str, step: int) -> None:
        answer = await self.ledger.deliveries.claim(
            step_delivery_id(ENROLLMENT, step), worker=worker, now_ms=self.now_ms
        )
        if isinstance(answer, ClaimGranted):
            # Never a second claim while another one holds, unless its worker died or forgot it.
            self.claims[worker, step] = answer
            assert self.accepted[step] == 0 or answer.payload is not None or answer.outcome_unknown

    async def tries(self, worker: str, step: int) -> None:
        """As far as the provider, and no word of what became of it."""
        await self.claim(worker, step)
        await self.freeze(worker, step)

    async def send(self, worker: str, step: int) -> None:
        await self.tries(worker, step)
        await self.settle(worker, step, "accepted")

    async def freeze(self, worker: str, step: int) -> None:
        claim = self.claims.get((worker, step))
        if claim is None:
            return
        answer = await self.ledger.deliveries.freeze(claim, f"by {worker} at {self.now_ms}", now_ms=self.now_ms)
        if isinstance(answer, tuple):
            assert not self.left, "the last line let a mail through to somebody who had left"
            self.bytes[step].add(answer[0])

    async def settle(self, worker: str, step: int, outcome: str) -> None:
        claim = self.claims.pop((worker, step), None)
        if claim is None:
            return
        if outcome == "accepted":
            self.accepted[step] += 1
        due_ms = self.now_ms + 60 * SECOND if outcome in ("retry", "defer") else None
        await self.ledger.deliveries.settle(claim, outcome, "because", now_ms=self.now_ms, due_ms=due_ms)

    async def die(self, worker: str) -> None:
        await self.ledger.client.zrem(keys.HEARTBEATS, worker)

    async def live(self, worker: str) -> None:
        await self.ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})

    async def sweep(self) -> None:
        await self.ledger.schedule.sweep("0", now_ms=self.now_ms)

    async def replay(self, step: int) -> None:
        await self.ledger.dead_letters.replay(step_delivery_id(ENROLLMENT, step), now_ms=self.now_ms, way="same")

    async def unsubscribe(self) -> None:
        if await self.ledger.enrollments.get(ENROLLMENT) is not None:
            self.left = True
        await self.ledger.enrollments.unsubscribe(
            ENROLLMENT, address_hash=self.ledger.store.address_hash(ADA.email), now_ms=self.now_ms
        )

    async def check(self) -> None:
        for step, seen in self.bytes.items():
            assert len(seen) <= 1, f"step {step} was handed over with different bytes"
        known = await self.ledger.enrollments.get(ENROLLMENT)
        if known is None:
            return
        assert sum(int(n) for n in (await self.ledger.client.hmget(keys.COUNTS, [s.value for s in Status])) if n) == 1
        await self.nothing_is_lost(known)

    async def nothing_is_lost(self, known) -> None:
        """What has no final status yet waits somewhere, or the sweeper puts it there."""
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


@pytest.mark.timeout(120)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(moves, min_size=10, max_size=60))
def test_in_any_order_of_events_nothing_is_sent_twice_and_nothing_is_lost(store_url, story):
    async def play() -> None:
        client = connect_async(store_url)
        try:
            await client.flushall()
            await client.zadd(keys.HEARTBEATS, dict.fromkeys(WORKERS, 9e15))
            game = Play(Ledger(client, campaign="c", cadence=CADENCE, secret_key="k" * 32))
            await game.accept(1)
            await game.enroll()
            for move in story:
                await game.move(move)
            await game.check()
        finally:
            await client.aclose()

    asyncio.run(play())
