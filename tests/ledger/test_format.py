"""A store that this version cannot read is refused with one line instead of being misread."""

from __future__ import annotations

import pytest
import redis.asyncio

from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.settings.settings import SettingsError
from common.store.format import FORMAT, StoreFormat, format_problem_async, refuse_another_format


async def test_empty_store_is_marked_with_the_current_format(store: redis.asyncio.Redis) -> None:
    assert await format_problem_async(store) is None
    assert await store.get(keys.FORMAT) == b"%d" % FORMAT


async def test_format_of_an_unmarked_store_is_recognized_from_one_contact(
    ledger: Ledger, store: redis.asyncio.Redis, ada: Assessment, clock: VirtualClock
) -> None:
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())

    assert await format_problem_async(store) is None
    assert await store.get(keys.FORMAT) == b"%d" % FORMAT


async def test_unmarked_store_in_another_format_is_refused(store: redis.asyncio.Redis) -> None:
    await store.sadd(keys.PREFIX + "enrolled", "enr_old")
    await store.hset(keys.enrollment("enr_old"), mapping={"st": "active", "e": "ada@example.org"})

    with pytest.raises(SettingsError, match="before formats were counted") as refused:
        await refuse_another_format(store)

    assert "advent rebuild" in str(refused.value)
    assert await store.exists(keys.FORMAT) == 0


async def test_store_in_a_later_format_is_refused_and_unchanged(store: redis.asyncio.Redis) -> None:
    await store.set(keys.FORMAT, "99")

    with pytest.raises(SettingsError, match=f"in format 99, and this version reads format {FORMAT}; start the version"):
        await refuse_another_format(store)

    assert await store.get(keys.FORMAT) == b"99"


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        (StoreFormat(FORMAT - 1), "stop every process of Advent and run `advent migrate`"),
        (StoreFormat(FORMAT - 1, FORMAT), "was interrupted; run `advent migrate` again"),
        (StoreFormat(FORMAT, FORMAT + 1), "was interrupted; run `advent migrate` of the version that began it again"),
    ],
)
async def test_an_older_format_is_refused_with_the_command_that_helps(
    store: redis.asyncio.Redis, written: StoreFormat, cure: str
) -> None:
    await store.set(keys.FORMAT, str(written))

    with pytest.raises(SettingsError) as refused:
        await refuse_another_format(store)

    assert str(refused.value).endswith(cure)
    assert "\n" not in str(refused.value)
