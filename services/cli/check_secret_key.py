"""The part of `advent check` for SECRET_KEY: whether it is the store's; and accepting a new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from common.settings.settings import Settings, SettingsError
from common.store.errors import StoreError
from services.cli.check_report import CheckReport
from services.cli.error_lines import CommandFailed
from services.cli.shared import now_ms, open_ledger

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.ledger.secret_key_change import KeyChangeResult


async def compare_secret_key(settings: Settings, found: CheckReport) -> None:
    """Report a problem if the store was begun with another key. A store that does not answer is not checked."""
    import redis

    from common.store.identity import SECRET_KEY_MISMATCH, secret_key_differs
    from services.supervisor.run_dir import with_store_url

    try:
        async with open_ledger(with_store_url(settings)) as ledger:
            if await secret_key_differs(ledger.client, settings.secret):
                found.problems.append(SECRET_KEY_MISMATCH)
    except SettingsError as error:
        found.problems += error.problems
    except (StoreError, redis.RedisError):
        return


async def accept_secret_key(settings: Settings) -> str:
    """
    Make this key the store's. Return a line that says what happened to the suppressions.

    Raises CommandFailed while another Advent process uses the store, StoreError or `redis.RedisError` when the store
    cannot be used.
    """
    from common.ledger.secret_key_change import accept_new_key
    from common.store.identity import secret_key_differs

    with _with_running_store(settings) as settings:
        async with open_ledger(settings) as ledger:
            if not await secret_key_differs(ledger.client, settings.secret):
                return "SECRET_KEY: the store has this key already"
            await _refuse_while_in_use(ledger)
            return _result_line(await accept_new_key(ledger, settings.secret, now_ms=now_ms()))


@contextmanager
def _with_running_store(settings: Settings) -> Iterator[Settings]:
    """Yield settings with the URL of a running store. `advent up` refuses a new key, so its store is started here."""
    from common.store.embedded import EmbeddedStore
    from services.supervisor.run_dir import RunDirectory, with_store_url

    folder = settings.data_dir / "store"
    try:
        yield with_store_url(settings)
        return
    except StoreError:
        if settings.redis_url is not None or not folder.exists():
            raise
    run_dir, store = RunDirectory(settings.data_dir), EmbeddedStore(folder)
    try:
        store.start()
        yield settings.model_copy(update={"redis_url": store.url})
    finally:
        store.stop()
        run_dir.release()


async def _refuse_while_in_use(ledger: Ledger) -> None:
    """Raise CommandFailed if processes use the store: what they hash with the old key would be useless afterwards."""
    from common.ledger.reads.store_stats import read_store_stats
    from common.store.client_names import processes_at

    # A worker that has just lost its connections, or has no name yet, is found by its heartbeat.
    workers = (await read_store_stats(ledger)).workers_alive
    found = sorted({*await processes_at(ledger.client), *(["worker"] if workers else [])})
    if found:
        raise CommandFailed(
            f"SECRET_KEY: processes still use this store with the old one: {', '.join(found)};"
            " stop every Advent process first"
        )


def _result_line(result: KeyChangeResult) -> str:
    carried = "1 suppression was" if result.suppressed == 1 else f"{result.suppressed} suppressions were"
    belong = "belongs to no stored contact and is" if result.lost == 1 else "belong to no stored contact and are"
    lost = f"{result.lost} more {belong} lost; " if result.lost else ""
    return (
        f"SECRET_KEY: the store has a new one. {carried} carried over; {lost}"
        "unsubscribe links in mails already sent end in 404"
    )
