"""`advent migrate`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from services.cli.shared import client_settings, json_option, print_json

if TYPE_CHECKING:
    from common.migration.run import Migration
    from common.settings.settings import Settings
    from common.store.embedded import EmbeddedStore
    from common.store.format import StoreFormat


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the formats of the store and of this version, and change nothing.")
@click.option(
    "--restore",
    type=click.Path(exists=True, path_type=Path),
    metavar="COPY",
    help="Restore the copy that an earlier run stored, instead of migrating.",
)
@click.option("--yes", is_flag=True, help="Put these campaign files in force for people who signed up before versions.")
@json_option
def command(dry_run: bool, restore: Path | None, yes: bool, as_json: bool) -> None:
    """
    Convert a stopped store of an older format to the format of this version.

    It refuses while processes of Advent are connected. It first stores a copy of the store in DATA_DIR/backups, and
    prints where it is. Repeating changes nothing; the next run continues one that was killed. `advent up` does this
    automatically for its embedded store.
    """
    settings = client_settings()
    if restore is not None:
        _restore(settings, restore, as_json=as_json)
    elif dry_run:
        _print_formats(settings, as_json=as_json)
    else:
        _migrate(settings, is_agreed=yes, as_json=as_json)


def _migrate(settings: Settings, *, is_agreed: bool, as_json: bool) -> None:
    from common.clock import SystemClock
    from common.migration.run import migrate_embedded, migrate_external
    from common.store.format import FORMAT
    from services.cli.migrate_versions import decide_versions

    def report(line: str) -> None:
        click.echo(f"  {line}", err=True)

    migration, lines = None, []
    given: Any = {"secret_key": settings.secret, "clock": SystemClock(), "report": report}
    if settings.redis_url is not None:
        migration = asyncio.run(migrate_external(settings.redis_url, settings.data_dir, **given))
        lines = asyncio.run(decide_versions(settings, settings.redis_url, is_agreed=is_agreed))
    elif (store := _embedded(settings)) is not None:
        with _running(store):
            migration = asyncio.run(migrate_embedded(store, settings.data_dir, **given))
            lines = asyncio.run(decide_versions(settings, store.url, is_agreed=is_agreed))
    if as_json:
        print_json(_figures(migration))
    elif migration is None:
        click.echo(f"nothing to do: the store is in format {FORMAT}")
    else:
        _print_migration(migration)
    for line in lines:
        click.echo(line, err=as_json)


def _print_formats(settings: Settings, *, as_json: bool) -> None:
    from common.store.format import FORMAT, describe_problem

    found = asyncio.run(_format_of(settings))
    needed = found is not None and found.is_older
    if as_json:
        print_json({"format": str(found) if found else None, "reads": FORMAT, "needed": needed})
    elif found is None or found.is_current:
        click.echo(f"nothing to do: the store is in format {FORMAT}")
    else:
        click.echo(describe_problem(found))


async def _format_of(settings: Settings) -> StoreFormat | None:
    """Return the store's format; None when the embedded store does not exist yet."""
    from common.store.clients import connect_async
    from common.store.format import store_format

    store = None if settings.redis_url is not None else _embedded(settings)
    url = settings.redis_url or (store.url if store else None)
    if url is None:
        return None
    with _running(store):
        async with connect_async(url) as client:
            return await store_format(client)


def _restore(settings: Settings, copy: Path, *, as_json: bool) -> None:
    from common.migration.copies import restore_files
    from common.store.embedded import EmbeddedStore

    if settings.redis_url is not None:
        count = asyncio.run(_restore_keys(settings.redis_url, copy))
        aside, said = None, f"{count} keys restored from {copy}"
    else:
        aside = restore_files(EmbeddedStore(settings.data_dir / "store"), copy)
        said = f"restored {copy}; what was there is in {aside}"
    if as_json:
        print_json({"restored": str(copy), "aside": str(aside) if aside else None})
    else:
        click.echo(f"{said}; start the version that wrote it")


async def _restore_keys(url: str, copy: Path) -> int:
    from common.migration.copies import restore_keys
    from common.migration.run import refuse_others
    from common.store.clients import connect_async

    async with connect_async(url) as client:
        await refuse_others(client)
        return await restore_keys(client, copy)


def _embedded(settings: Settings) -> EmbeddedStore | None:
    """Return the store in DATA_DIR; None when none was started there yet."""
    from common.store.embedded import EmbeddedStore

    store = EmbeddedStore(settings.data_dir / "store")
    return store if (store.directory / "appendonlydir").is_dir() else None


@contextmanager
def _running(store: EmbeddedStore | None) -> Iterator[None]:
    """Run the embedded store, if given, during the block. Raises StoreError when an `advent up` uses it."""
    if store is None:
        yield
        return
    store.start()
    try:
        yield
    finally:
        store.stop()


def _figures(migration: Migration | None) -> dict[str, Any]:
    if migration is None:
        return {"migrated": False}
    return {
        "migrated": True,
        "from": migration.source,
        "to": migration.target,
        "copy": str(migration.copy) if migration.copy else None,
        "steps": [asdict(result) for result in migration.results],
        "duration_ms": migration.duration_ms,
    }


def _print_migration(migration: Migration) -> None:
    click.echo(migration.describe())
    for note in (note for result in migration.results for note in result.notes):
        click.echo(note)
    if migration.copy is not None:
        click.echo(f"to go back: `advent migrate --restore {migration.copy}`, then start the previous version")
