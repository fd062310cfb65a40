"""`advent health`"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from common.settings.settings import Settings
from services.cli.shared import json_option, open_ledger, print_json, settings_with_store

if TYPE_CHECKING:
    from common.health_checks import Aspect, Limits
    from common.ledger.reads.store_stats import StoreStats

ANSWER_S = 3.0


@click.command()
@click.option(
    "--late-minutes", type=click.FloatRange(0), default=5, show_default=True, help="Mail may be late so long."
)
@click.option("--behind-minutes", type=click.FloatRange(0), default=30, show_default=True, help="Notion may be behind.")
@click.option("--wait", "wait_s", type=click.FloatRange(0), default=0, help="Ask again until all is well, so many s.")
@click.option("--no-gateway", is_flag=True, help="Do not ask the gateway: it runs elsewhere.")
@click.option("--quiet", is_flag=True, help="Say only what is wrong.")
@json_option
def command(
    late_minutes: float, behind_minutes: float, wait_s: float, no_gateway: bool, quiet: bool, as_json: bool
) -> int:
    """
    Say whether all is well: a line each of gateway, store, workers, what is due, providers and Notion.

    Exit status 0 when it is, else 1. Changes nothing; fit for cron and for whoever upgrades.
    """
    from common.health_checks import Limits

    settings = settings_with_store()
    limits = Limits(late_ms=round(late_minutes * 60_000), behind_ms=round(behind_minutes * 60_000))
    until = time.monotonic() + wait_s
    while True:
        found = list(look(settings, limits, gateway=not no_gateway))
        well = all(aspect.ok for aspect in found)
        if well or time.monotonic() >= until:
            break
        time.sleep(0.5)
    if as_json:
        print_json({"healthy": well, "aspects": [{"name": a.name, "ok": a.ok, "said": a.said} for a in found]})
    else:
        _tell(found, quiet=quiet)
    return 0 if well else 1


def look(settings: Settings, limits: Limits, *, gateway: bool = True) -> Iterator[Aspect]:
    """Every aspect, in the order in which a person would look."""
    from common import health_checks as wellbeing

    if gateway:
        yield from wellbeing.of_gateway(_ready(settings.gateway_url), settings.gateway_url)
    found, error = asyncio.run(_figures(settings))
    yield from wellbeing.of_store(found, error)
    if found is not None:
        yield from wellbeing.of_work(found, limits)


async def _figures(settings: Settings) -> tuple[StoreStats | None, str]:
    import redis

    from common.ledger.reads.store_stats import read_store_stats

    try:
        async with asyncio.timeout(ANSWER_S), open_ledger(settings) as ledger:
            return await read_store_stats(ledger), ""
    except (redis.RedisError, OSError) as error:
        return None, type(error).__name__


def _ready(url: str) -> dict[str, Any] | None:
    """What the gateway says of itself, red or green; None when nothing that is a gateway answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/ready")
        body = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return body if isinstance(body, dict) and "dependencies" in body else None


def _tell(found: list[Aspect], *, quiet: bool) -> None:
    for aspect in found:
        if not (quiet and aspect.ok):
            mark = "  " if aspect.ok else "! "
            click.secho(f"{mark}{aspect.name:<8} {aspect.said}", fg=None if aspect.ok else "red")
