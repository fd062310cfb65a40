"""
Clock synchronization: processes that share a store share its time, so a lease means the same to all of them.

They follow the store's clock as long as it is right, and share their findings about it in one key:

    {advent}:clock  HASH  judged_ms, ahead_ms, by, basis: the latest judgement of a worker, see `Judgement`
                          confirmed: how often a person has confirmed that the store's clock is right
                          excused_ms: how far it was ahead of the providers' clocks then; absent once they agree again
"""

from __future__ import annotations

from typing import Any, Final

import redis.asyncio

from common.clock import Clock, DateWitness, SystemClock
from common.domain.clock_check import ClockCheck, ClockStatus, Judgement, Reading
from common.observability import metrics
from common.observability.logs import get_logger

KEY: Final = "{advent}:clock"

log = get_logger(__name__)


class ClockSync:
    """
    Compares and corrects the clock of one process, unless it is the clock of a test or a simulation.

    `by`: the name of the process. `witness`: the providers' clocks, in a process that sends requests to providers; such
    a process also stores its judgement for the others. `status`: the latest comparison, None before the first one.
    """

    def __init__(
        self, client: redis.asyncio.Redis, clock: Clock, *, by: str, witness: DateWitness | None = None
    ) -> None:
        self.status: ClockStatus | None = None
        self._client, self._clock, self._by, self._witness = client, clock, by, witness
        self._check = ClockCheck()

    async def sync(self) -> ClockStatus | None:
        """Compare the clocks, correct the clock of this process, and log changes. Raises `redis.RedisError`."""
        if not isinstance(self._clock, SystemClock):
            return None
        reading = await self._read(self._clock)
        before, status = self.status, self._check.judge(reading)
        self._clock.offset_ms += status.correction_ms
        self.status = status
        _report(before, status)
        if self._witness is not None:
            await self._store_judgement(reading, status)
        return status

    async def _read(self, clock: SystemClock) -> Reading:
        pipe = self._client.pipeline(transaction=True)
        pipe.time()
        pipe.hgetall(KEY)
        (seconds, micros), fields = await pipe.execute()
        known = {name.decode(): text.decode() for name, text in fields.items()}
        return Reading(
            steady_ms=clock.steady_ms(),
            now_ms=clock.now_ms(),
            store_ms=seconds * 1000 + micros // 1000,
            wall_ms=clock.wall_ms(),
            witness_ms=None if self._witness is None else self._witness.read_ms(),
            judgement=_judgement(known, unless_by=self._by),
            confirmed=int(known.get("confirmed", 0)),
            excused_ms=int(known["excused_ms"]) if "excused_ms" in known else None,
        )

    async def _store_judgement(self, reading: Reading, status: ClockStatus) -> None:
        if status.is_unresolved:
            return
        pipe = self._client.pipeline(transaction=True)
        found: dict[Any, Any] = {
            "judged_ms": reading.store_ms,
            "ahead_ms": status.store_ahead_ms,
            "by": self._by,
            "basis": status.basis,
        }
        if status.excused_ms is not None:
            found["excused_ms"] = status.excused_ms
        elif reading.excused_ms is not None and status.basis == "witness":
            pipe.hdel(KEY, "excused_ms")
        pipe.hset(KEY, mapping=found)
        await pipe.execute()


async def confirm_clock(client: redis.asyncio.Redis) -> int:
    """
    Record that a person has confirmed the store's clock: every process follows it from now on.

    Return the time of that clock, UTC ms. Raises `redis.RedisError`.
    """
    seconds, micros = await client.time()
    store_ms = int(seconds) * 1000 + int(micros) // 1000
    pipe = client.pipeline(transaction=True)
    pipe.hincrby(KEY, "confirmed", 1)
    pipe.hset(KEY, mapping={"judged_ms": store_ms, "ahead_ms": 0, "by": "person", "basis": "steady"})
    await pipe.execute()
    return store_ms


def _judgement(known: dict[str, str], *, unless_by: str) -> Judgement | None:
    if "judged_ms" not in known or known["by"] == unless_by:
        return None
    basis: Any = known["basis"]
    return Judgement(judged_ms=int(known["judged_ms"]), ahead_ms=int(known["ahead_ms"]), by=known["by"], basis=basis)


def _report(before: ClockStatus | None, status: ClockStatus) -> None:
    """Log each change once, and set the metrics to the current state."""
    if status.correction_ms:
        log.warning("clock_corrected", apart_ms=status.correction_ms)
    for clock, ahead_ms, was_ms in (
        ("store", status.store_ahead_ms, before.store_ahead_ms if before else 0),
        ("machine", status.machine_ahead_ms, before.machine_ahead_ms if before else 0),
    ):
        metrics.CLOCK_AHEAD_SECONDS.labels(clock).set(ahead_ms / 1000)
        if ahead_ms and not was_ms:
            log.error("clock_wrong", clock=clock, ahead_s=round(ahead_ms / 1000))
        elif was_ms and not ahead_ms:
            log.info("clock_right_again", clock=clock, was_ahead_s=round(was_ms / 1000))
    if status.is_unresolved and not (before and before.is_unresolved):
        log.error("clock_unresolved")
