"""A snapshot of the store for the overview: its statistics, the providers' budgets, and the newest dead letters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from common.ledger import keys
from common.ledger.constants import CALENDAR, MAIL, MIRROR, TEXTS
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import StoreStats, read_store_stats
from common.providers.budget import CALENDAR_REQUESTS_PER_MINUTE
from common.settings.settings import Settings

DEAD_LETTERS_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStats:
    """
    A provider's budget: `used` of `capacity` requests in a window.

    `held_ms`: how much longer requests must wait, because the provider asked for it (429). `asked`: how often it asked;
    the count restarts after a day without a 429.
    """

    capacity: int
    window_ms: int
    used: int
    held_ms: int
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSnapshot:
    """
    The state of the store at one time.

    `budgets`: by provider. `dead_letters`: the newest ones. `warnings`: problems that the store monitor found, each a
    line with its fix.
    """

    stats: StoreStats
    budgets: Mapping[str, BudgetStats]
    dead_letters: tuple[DeadLetter, ...]
    warnings: tuple[str, ...]


async def read_snapshot(ledger: Ledger, settings: Settings, *, now_ms: int, warnings: Iterable[str]) -> StoreSnapshot:
    """Raises redis.RedisError or OSError when the store does not answer."""
    return StoreSnapshot(
        stats=await read_store_stats(ledger, now_ms=now_ms),
        budgets=await _budgets(ledger, settings, now_ms),
        dead_letters=await ledger.dead_letters.newest(first=0, number=DEAD_LETTERS_SHOWN),
        warnings=tuple(warnings),
    )


def _windows(settings: Settings, in_use: Collection[str]) -> Iterator[tuple[str, int, int]]:
    """
    Yield (provider, capacity, window_ms), as `common/providers/build.py` sets them.

    `in_use`: the providers that workers report to use; this process may lack their keys.
    """
    yield MAIL, 1, max(1, round(1_000 / settings.resend_requests_per_second))
    yield MIRROR, settings.notion_requests_per_minute, 60_000
    if settings.twilio_auth_token is not None or TEXTS in in_use:
        yield TEXTS, 1, max(1, round(1_000 / settings.twilio_requests_per_second))
    if settings.calcom_api_key is not None or CALENDAR in in_use:
        yield CALENDAR, CALENDAR_REQUESTS_PER_MINUTE, 60_000


async def _budgets(ledger: Ledger, settings: Settings, now_ms: int) -> dict[str, BudgetStats]:
    pipe = ledger.client.pipeline(transaction=False)
    windows = list(_windows(settings, await ledger.providers_in_use.read(now_ms=now_ms)))
    for provider, _, _ in windows:
        pipe.lrange(f"{keys.PREFIX}budget:{provider}", 0, -1)
        pipe.hmget(f"{keys.PREFIX}budget:{provider}:after", "hold", "asked")
    answers = await pipe.execute()
    return {
        provider: BudgetStats(
            capacity=capacity,
            window_ms=window_ms,
            used=sum(int(slot) > now_ms - window_ms for slot in answers[2 * i]),
            held_ms=max(0, int(answers[2 * i + 1][0] or 0) - now_ms),
            asked=int(answers[2 * i + 1][1] or 0),
        )
        for i, (provider, capacity, window_ms) in enumerate(windows)
    }
