"""What several commands need: settings, a ledger, the actors' world, and output for people or programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from common import processes
from common.settings.load import load_settings
from common.settings.settings import Settings

if TYPE_CHECKING:
    import redis.asyncio

    from common.campaigns.campaigns import Campaigns
    from common.ledger.ledger import Ledger
    from common.world import World

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")


def command_settings(*, plans: bool = False, own: tuple[str, ...] = (), process: str | None = None) -> Settings:
    """
    Return a command's settings: what is set for it, and the rest from the `advent up` that runs in DATA_DIR.

    `plans`: the command shows what is sent when, so it warns on stderr if its settings give another plan than those of
    `advent up`. `own`: settings that are not inherited, because the command starts a process with an address of its
    own. `process`: as in `load_settings`.
    """
    from services.supervisor.inherited_settings import plan_differences, with_inherited_settings

    settings = load_settings(process=process)
    if plans and (warning := plan_differences(settings)):
        click.secho(f"advent: {warning}", fg="yellow", err=True)
    return with_inherited_settings(settings, own=own)


def process_settings(*, own: tuple[str, ...] = (), process: str | None = None) -> Settings:
    """Like `command_settings`, with the sandbox in place of providers without a key, and secrets made in DATA_DIR."""
    from common.settings.generated_secrets import with_generated_secrets
    from services.supervisor.sandbox_settings import with_sandbox

    return with_sandbox(with_generated_secrets(command_settings(own=own, process=process)))


def client_settings() -> Settings:
    """Like `process_settings`, for a command that talks to running processes, so it generates no secrets."""
    from common.settings.generated_secrets import with_saved_secrets
    from services.supervisor.sandbox_settings import with_sandbox

    return with_sandbox(with_saved_secrets(command_settings()))


def settings_with_store(*, plans: bool = False, own: tuple[str, ...] = (), process: str | None = None) -> Settings:
    """
    Like `process_settings`, with a data store: REDIS_URL, or the store of a running `advent up`.

    Raises StoreError when there is none.
    """
    from common.settings.generated_secrets import with_generated_secrets
    from services.supervisor.run_dir import with_store_url
    from services.supervisor.sandbox_settings import with_sandbox

    given = command_settings(plans=plans, own=own, process=process)
    return with_sandbox(with_generated_secrets(with_store_url(given)))


@asynccontextmanager
async def open_ledger(settings: Settings, *, campaigns: Campaigns | None = None) -> AsyncIterator[Ledger]:
    """
    Yield the ledger in the store of these settings. `campaigns`: their campaigns, if loaded already.

    Raises SettingsError when the store has another format.
    """
    from common.campaigns.campaigns import load_campaigns
    from common.store.clients import connect_async
    from common.store.format import refuse_another_format
    from common.versions.played import use_versions_in_force

    assert settings.redis_url is not None
    campaigns = campaigns or load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    client = connect_async(settings.redis_url)
    try:
        await refuse_another_format(client)
        ledger = _ledger(client, settings, campaigns)
        await use_versions_in_force(campaigns, ledger, settings.pace)
        yield ledger
    finally:
        await client.aclose()


def _ledger(client: redis.asyncio.Redis, settings: Settings, campaigns: Campaigns) -> Ledger:
    from common.ledger.ledger import Ledger

    terms = campaigns.terms(settings.pace)
    return Ledger.of(client, terms, secret_key=settings.secret, separate_spellings=settings.testing_mode)


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[World]:
    """
    Yield the context that actors have: ledger, providers and budgets.

    Raises CampaignError, and SettingsError also when the store was begun with another SECRET_KEY.
    """
    from common.campaigns.campaigns import load_campaigns
    from common.clock import SystemClock
    from common.providers.build import build_providers
    from common.settings.settings import SettingsError
    from common.store.clients import connect_async
    from common.store.format import refuse_another_format
    from common.store.identity import SECRET_KEY_MISMATCH, secret_key_differs
    from common.versions.played import use_versions_in_force
    from common.world import World

    assert settings.redis_url is not None
    campaigns = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    client, clock = connect_async(settings.redis_url, process="command"), SystemClock()
    try:
        await refuse_another_format(client)
        if await secret_key_differs(client, settings.secret):
            raise SettingsError([SECRET_KEY_MISMATCH])
        ledger = _ledger(client, settings, campaigns)
        await use_versions_in_force(campaigns, ledger, settings.pace)
        providers = build_providers(settings, client, clock, campaigns=campaigns)
        try:
            yield World(
                clock=clock,
                ledger=ledger,
                settings=settings,
                campaigns=campaigns,
                **providers.parts(),
                worker="command",
            )
        finally:
            await providers.close()
    finally:
        await client.aclose()


Result = TypeVar("Result")


def with_ledger(query: Callable[[Ledger], Awaitable[Result]], *, plans: bool = False) -> Result:
    """Run one query on the ledger; `plans` as in `command_settings`."""

    async def run() -> Result:
        async with open_ledger(settings_with_store(plans=plans)) as ledger:
            return await query(ledger)

    return asyncio.run(run())


def with_campaigns(query: Callable[[Ledger, Campaigns], Awaitable[Result]], *, plans: bool = False) -> Result:
    """Like `with_ledger`, and pass the campaigns in the versions in force."""
    from common.campaigns.campaigns import load_campaigns

    async def run() -> Result:
        settings = settings_with_store(plans=plans)
        campaigns = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
        async with open_ledger(settings, campaigns=campaigns) as ledger:
            return await query(ledger, campaigns)

    return asyncio.run(run())


def with_world(run_in: Callable[[World], Awaitable[Result]], *, plans: bool = False) -> Result:
    """Run a function that needs the context of actors; `plans` as in `command_settings`."""

    async def run() -> Result:
        async with open_world(settings_with_store(plans=plans)) as world:
            return await run_in(world)

    return asyncio.run(run())


async def record_action(
    ledger: Ledger, what: str, on: Sequence[str], *, before: str = "", after: str = "", why: str = ""
) -> None:
    """Record in the action log that the user did `what`. `on`: ids, never addresses. `why`: the user's reason."""
    from common.ledger.action_log import Action

    await ledger.action_log.record(
        Action(at_ms=now_ms(), by=user_name(), via="cli", what=what, on=tuple(on), before=before, after=after), why=why
    )


def user_name() -> str:
    """Return who runs this command, for records of what a person decided."""
    return processes.user_name("the command line")


def now_ms() -> int:
    from common.clock import SystemClock

    return SystemClock().now_ms()


def clock_time(ms: int) -> str:
    """Return a time such as `2025-11-24 09:09:00`, in UTC."""
    from common.clock import utc_datetime

    return utc_datetime(ms).strftime("%Y-%m-%d %H:%M:%S")


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table as wide as the terminal, or in a pipe as its content. A column named `#…` holds numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    class PipedConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would end the process with status 1.

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=any(columns))
    for place, column in enumerate(columns):
        is_whole = all(" " not in str(row[place]) for row in rows)  # Ids and addresses, which people copy.
        table.add_column(
            column.removeprefix("#"),
            justify="right" if column.startswith("#") else "left",
            no_wrap=is_whole,
            overflow="ignore" if is_whole else "fold",
            min_width=max((len(str(row[place])) for row in rows), default=0) if is_whole else None,
        )
    for row in rows:
        # Text, not markup: a name may contain square brackets.
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    console = PipedConsole(highlight=False)
    if not console.is_terminal:
        console.width = 240
    console.print(table, crop=False)
