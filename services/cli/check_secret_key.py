"""The part of `advent check` that asks whether SECRET_KEY is the store's, and makes it so when told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from common.settings.settings import Settings, SettingsError
from common.store.clients import StoreError
from services.cli.cures import CommandFailed
from services.cli.findings import Findings
from services.cli.shared import now_ms, open_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.secret_key_change import Carried


async def compare_secret_key(settings: Settings, found: Findings) -> None:
    """A problem when the store knows another key. A store that does not run or answer now is not asked."""
    import redis

    from common.store.secret_key import ANOTHER, is_another
    from services.supervisor.house import attached

    try:
        async with open_ledger(attached(settings)) as ledger:
            if await is_another(ledger.client, settings.secret):
                found.problems.append(ANOTHER)
    except SettingsError as unreadable:
        found.problems += unreadable.problems
    except (StoreError, redis.RedisError):
        return


async def accept_secret_key(settings: Settings) -> str:
    """
    Make this key the store's: what that means for those who have left, in words.

    Raises CommandFailed while another process of ours is at the store, StoreError or `redis.RedisError` when the store
    cannot be had.
    """
    from common.ledger.secret_key_change import accept_new_key
    from common.store.secret_key import is_another

    with _with_its_store(settings) as at_store:
        async with open_ledger(at_store) as ledger:
            if not await is_another(ledger.client, settings.secret):
                return "SECRET_KEY: the store knows no other"
            await _refuse_while_somebody_works(ledger)
            return _said(await accept_new_key(ledger, settings.secret, now_ms=now_ms()))


@contextmanager
def _with_its_store(settings: Settings) -> Iterator[Settings]:
    """`advent up` does not start under another key, and its store with it: so that one is started here, alone."""
    from common.store.embedded import EmbeddedStore
    from services.supervisor.house import House, attached

    folder = settings.data_dir / "store"
    try:
        yield attached(settings)
        return
    except StoreError:
        if settings.redis_url is not None or not folder.exists():
            raise
    house, store = House(settings.data_dir), EmbeddedStore(folder)
    try:
        store.start()
        yield settings.model_copy(update={"redis_url": store.url})
    finally:
        store.stop()
        house.leave()


async def _refuse_while_somebody_works(ledger: Ledger) -> None:
    """What a gateway, say, marks with the old key while it goes on would match nobody under the new one."""
    from common.ledger.reads.store_stats import read_store_stats
    from common.store.client_names import processes_at

    # Only a worker beats: one that has lost its connections just now, or has no name yet, is found by that.
    beats = (await read_store_stats(ledger, now_ms=now_ms())).workers
    found = sorted({*await processes_at(ledger.client), *(["worker"] if beats else [])})
    if found:
        raise CommandFailed(
            f"SECRET_KEY: still at this store with the old one: {', '.join(found)}; stop every Advent process first"
        )


def _said(carried: Carried) -> str:
    lost = f"{carried.lost} more are of nobody enrolled here, and are not known any more; " if carried.lost else ""
    return (
        f"SECRET_KEY: the store has a new one. {carried.suppressed} addresses are suppressed under it; {lost}"
        "unsubscribe links in mails already sent end in 404"
    )
