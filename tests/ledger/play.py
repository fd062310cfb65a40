"""The moves of two workers on a few deliveries, in any order that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.domain.ids import DeliveryId
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger

MINUTE_MS = 60_000
NOW_MS = 1_764_000_000_000
WORKERS = ("w1", "w2")
WAITS = ("retry", "defer")


class Play:
    """
    The moves on `jobs`; a move names a job by its index.

    `claims`: the claims that are not settled yet; `bytes`: for each job, the different mails that were handed over;
    `handed_over`: (job, fence) of each claim after its mail was handed over.
    """

    def __init__(self, ledger: Ledger, jobs: Sequence[DeliveryId]) -> None:
        self.ledger, self.jobs = ledger, jobs
        self.now_ms = NOW_MS
        self.claims: dict[tuple[str, int], ClaimGranted] = {}
        self.bytes: list[set[str]] = [set() for _ in jobs]
        self.handed_over: set[tuple[int, int]] = set()
        self.left = False

    async def begin(self) -> None:
        await self.ledger.client.flushall()
        for worker in WORKERS:
            await self.live(worker)

    async def move(self, move: tuple[Any, ...]) -> None:
        await getattr(self, {"pass": "passes", "try": "tries"}.get(move[0], move[0]))(*move[1:])

    async def passes(self, seconds: int) -> None:
        self.now_ms += seconds * 1_000

    async def claim(self, worker: str, job: int) -> None:
        answer = await self.ledger.deliveries.claim(self.jobs[job], worker=worker, now_ms=self.now_ms)
        if isinstance(answer, ClaimGranted):
            self.claims[worker, job] = answer
            self.on_granted(job, answer)

    async def tries(self, worker: str, job: int) -> None:
        """Claim and freeze, without a result of the attempt."""
        await self.claim(worker, job)
        await self.freeze(worker, job)

    async def freeze(self, worker: str, job: int) -> None:
        claim = self.claims.get((worker, job))
        if claim is None:
            return
        mail = claim.payload or f"rendered by {worker} for its claim {claim.fence}"
        answer = await self.ledger.deliveries.freeze(claim, mail, now_ms=self.now_ms)
        if isinstance(answer, int):
            assert not self.left, "the last line let a mail through to somebody who had left"
            await self.on_handed_over(claim)
            self.handed_over.add((job, claim.fence))
            self.bytes[job].add(mail)

    async def settle(self, worker: str, job: int, outcome: Any) -> None:
        claim = self.claims.pop((worker, job), None)
        if claim is None:
            return
        if outcome != "accepted" or (job, claim.fence) in self.handed_over:
            # The provider accepts nothing that it was not given.
            self.on_settled(job, outcome)
        due_ms = self.now_ms + MINUTE_MS if outcome in WAITS else None
        await self.ledger.deliveries.settle(claim, outcome, "because", now_ms=self.now_ms, due_ms=due_ms)

    async def die(self, worker: str) -> None:
        await self.ledger.client.zrem(keys.HEARTBEATS, worker)

    async def live(self, worker: str) -> None:
        await self.ledger.client.zadd(keys.HEARTBEATS, {worker: 9e15})

    async def sweep(self) -> None:
        await self.ledger.schedule.sweep("0", now_ms=self.now_ms)

    async def replay(self, job: int) -> None:
        await self.ledger.dead_letters.replay(self.jobs[job], now_ms=self.now_ms, way="same")

    def each_is_handed_over_with_the_same_bytes(self) -> None:
        for job, seen in zip(self.jobs, self.bytes, strict=True):
            assert len(seen) <= 1, f"{job} was handed over with different bytes"

    # Hooks for a test

    def on_granted(self, job: int, claim: ClaimGranted) -> None:
        """Called when a worker is granted a claim."""

    async def on_handed_over(self, claim: ClaimGranted) -> None:
        """Called when a mail is handed over: from now on the provider may have it."""

    def on_settled(self, job: int, outcome: str) -> None:
        """Called when a worker settles an attempt."""
