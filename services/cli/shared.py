"""What several commands need: settings as a process here would have them, a ledger, and tables for eyes or programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from common.settings.load import load_settings
from common.settings.settings import Settings

if TYPE_CHECKING:
    from common.ledger.ledger import Ledger
    from common.world import World

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")


def settings_given(*, plans: bool = False, own: tuple[str, ...] = ()) -> Settings:
    """
    What is set here; what is not, as an `advent up` in DATA_DIR has it. Every command reads its settings through this.

    `plans`: the command tells what goes out when, so it says on stderr where it is told to plan by other settings.
    `own`: where a process of its own listens, which it does not take over.
    """
    from services.supervisor.beside import adopted, differences

    settings = load_settings()
    if plans and (said := differences(settings)):
        click.secho(f"advent: {said}", fg="yellow", err=True)
    return adopted(settings, own=own)


def settings_here(*, own: tuple[str, ...] = ()) -> Settings:
    """Likewise, with the sandbox where no provider is real, and with the secrets kept in DATA_DIR."""
    from common.settings.generated_secrets import with_generated_secrets
    from services.supervisor.sandboxed import with_sandbox

    return with_sandbox(with_generated_secrets(settings_given(own=own)))


def settings_as_they_are() -> Settings:
    """Likewise, for a command that speaks to what runs here: secrets that nobody has made yet stay unset."""
    from common.settings.generated_secrets import with_saved_secrets
    from services.supervisor.sandboxed import with_sandbox

    return with_sandbox(with_saved_secrets(settings_given()))


def settings_with_store(*, plans: bool = False, own: tuple[str, ...] = ()) -> Settings:
    """Likewise, with a data store: REDIS_URL or that of a running `advent up`. Raises StoreError when there is none."""
    from common.settings.generated_secrets import with_generated_secrets
    from services.supervisor.house import attached
    from services.supervisor.sandboxed import with_sandbox

    return with_sandbox(with_generated_secrets(attached(settings_given(plans=plans, own=own))))


@asynccontextmanager
async def open_ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """The ledger in the store of these settings. Raises SettingsError when it is written as we cannot read."""
    from common.campaigns.loader import load_campaign
    from common.ledger.ledger import Ledger
    from common.store.clients import connect_async
    from common.store.format import refuse_another_format

    assert settings.redis_url is not None
    campaign = load_campaign(settings.campaign, directory=settings.campaigns_dir)
    client = connect_async(settings.redis_url)
    try:
        await refuse_another_format(client)
        cadence = campaign.cadence(settings.pace)
        yield Ledger(client, campaign=campaign.key, cadence=cadence, secret_key=settings.secret)
    finally:
        await client.aclose()


Answer = TypeVar("Answer")


def with_ledger(ask: Callable[[Ledger], Awaitable[Answer]], *, plans: bool = False) -> Answer:
    """Ask the ledger one thing, from a command; `plans` as in `settings_given`."""

    async def asked() -> Answer:
        async with open_ledger(settings_with_store(plans=plans)) as ledger:
            return await ask(ledger)

    return asyncio.run(asked())


def with_world(act: Callable[[World], Awaitable[Answer]], *, plans: bool = False) -> Answer:
    """Do what an actor does, from a command; `plans` as in `settings_given`."""

    async def acted() -> Answer:
        from services.cli.world import open_world

        async with open_world(settings_with_store(plans=plans)) as world:
            return await act(world)

    return asyncio.run(acted())


def now_ms() -> int:
    from common.clock import SystemClock

    return SystemClock().now_ms()


def clock_time(ms: int) -> str:
    """`2025-11-24 09:09:00`, UTC."""
    from common.clock import utc_datetime

    return utc_datetime(ms).strftime("%Y-%m-%d %H:%M:%S")


def span(ms: int) -> str:
    """`36 s`, `12 min`, `3 h`, `2 d`: to the unit that matters."""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min")):
        if abs(ms) >= 2 * size:
            return f"{ms / size:.0f} {unit}"
    return f"{ms / 1000:.0f} s" if abs(ms) >= 10_000 else f"{ms / 1000:.1f} s"


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table as wide as the terminal; into a pipe, as wide as its content. A column named `#…` is of numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=any(columns))
    for column in columns:
        table.add_column(
            column.removeprefix("#"), justify="right" if column.startswith("#") else "left", overflow="fold"
        )
    for row in rows:
        # Text, not markup: a name may well hold square brackets.
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 240
    console.print(table)
