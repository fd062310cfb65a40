"""Watch the clocks for a worker. While one is wrong, nothing is sent, and the providers are asked for the time."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import structlog

from common.background import repeat
from common.clock import Clock, DateWitness
from common.domain.clock_check import JUMP_MS, ClockStatus
from common.formatting import duration
from common.ledger.holds import Hold
from common.ledger.ledger import Ledger
from common.observability import metrics
from common.providers.http import DeadlineClient
from common.store.clock_sync import ClockSync

log = structlog.get_logger(__name__)

CHECK_EVERY_S = 5
ASK_S = 2.0
ASKED_AT_ONCE = 3
"""With three answers, a single wrong one does no harm."""

REASON = "clock"
CURE = (
    "It ends by itself when the clocks agree again: set the clock by NTP. If the data store's clock is right as it is,"
    " `advent clock confirm` says so."
)


class ClockWatch:
    """
    One worker's watch. `url`: the mail provider's; it is requested only for the `Date` of the answer.

    `stop_sending` is called with True while this worker alone must not send, otherwise with False.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        worker: str,
        witness: DateWitness,
        url: str,
        stop_sending: Callable[[bool], None],
    ) -> None:
        self._ledger, self._holds, self._clock, self._worker = ledger, ledger.holds, clock, worker
        self._witness, self._url, self._stop_sending = witness, url, stop_sending
        self._sync = ClockSync(ledger.client, clock, by=worker, witness=witness)
        self._since_ms: dict[str, int] = {}

    async def run(self) -> None:
        """Check the clocks every `CHECK_EVERY_S` until cancelled."""
        await repeat("clock_check", self.check, every_s=CHECK_EVERY_S, at_once=False)

    async def check(self) -> None:
        """
        Compare the clocks, and begin or end the holds that follow.

        Before the first comparison the provider is asked for the time once; while a clock is wrong, three times. Raises
        as `Store.run` does.
        """
        if self._sync.status is None:
            await self._ask(1)
        is_first = self._sync.status is None
        status = await self._sync.sync()
        if status is not None and (status.is_store_wrong or status.machine_jumped):
            await self._ask(ASKED_AT_ONCE)
            status = await self._sync.sync()
        if status is not None:
            is_over = await self._apply(status)
            if is_over or is_first or abs(status.correction_ms) > JUMP_MS:
                await self._check_waits()
        await self._report_ignored()

    async def _check_waits(self) -> None:
        """Reschedule jobs that were deferred too far while a clock was wrong."""
        cursor = "0"
        gap_ms = max(terms.cadence.minimum_gap_ms for terms in self._ledger.campaigns.values())
        while True:
            cursor, _ = await self._ledger.schedule.check_waits(cursor, now_ms=self._clock.now_ms(), gap_ms=gap_ms)
            if cursor == "0":
                return

    async def _report_ignored(self) -> None:
        for what, number in (await self._ledger.schedule.take_ignored()).items():
            metrics.WAITS_IGNORED.labels(what).inc(number)
            log.warning("waits_ignored", what=what, number=number)

    async def _apply(self, status: ClockStatus) -> bool:
        """Begin or end the holds that follow from this status. Return whether the hold on all sending ended."""
        machine = f"{REASON}/{self._worker}"
        is_over = await self._hold(REASON, _store_trouble(status) if status.is_store_wrong else None)
        await self._hold(machine, _machine_trouble(status) if status.machine_jumped else None)
        self._stop_sending(status.machine_jumped)
        return is_over

    async def _hold(self, reason: str, why: str | None) -> bool:
        """Begin the hold, or end it if `why` is None. Return whether it ended now."""
        now_ms = self._clock.now_ms()
        if why is not None:
            since_ms = self._since_ms.setdefault(reason, now_ms)
            if await self._holds.start(reason, Hold(since_ms=since_ms, why=why, cure=CURE)):
                log.error("sending_held", reason=reason, why=why)
            return False
        self._since_ms.pop(reason, None)
        held = await self._holds.finish(reason)
        if held is not None:
            log.warning("sending_released", reason=reason, lasted_s=round((now_ms - held.since_ms) / 1000))
        return held is not None

    async def _ask(self, times: int) -> None:
        async with DeadlineClient(total_s=ASK_S, witness=self._witness) as client:
            for _ in range(times):
                try:
                    await client.head(self._url)
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    log.info("time_not_asked", error=type(error).__name__)
                    return


def _store_trouble(status: ClockStatus) -> str:
    if status.is_unresolved:
        return "the clocks of the data store and of this machine differ, and no provider answered to say which is right"
    return f"the data store's clock is {_apart(status.store_ahead_ms)}"


def _machine_trouble(status: ClockStatus) -> str:
    return f"the clock of its machine was set and is {_apart(status.machine_ahead_ms)}"


def _apart(ahead_ms: int) -> str:
    return f"{duration(abs(ahead_ms))} {'ahead' if ahead_ms > 0 else 'behind'}"
