"""`advent health`"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from common.settings.settings import Settings
from services.cli.shared import json_option, open_ledger, print_json, settings_with_store

if TYPE_CHECKING:
    from common.gateway_status import GatewayStatus
    from common.health_checks import Finding, Limits
    from common.health_summary import HealthSummary
    from common.ledger.reads.store_stats import StoreStats

ANSWER_SECONDS_MAX = 3.0
RETRY_SECONDS = 0.5


@click.command()
@click.option(
    "--late-minutes", type=click.FloatRange(0), default=5, show_default=True, help="How long mail may be overdue."
)
@click.option(
    "--behind-minutes", type=click.FloatRange(0), default=30, show_default=True, help="How long Notion may be behind."
)
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=0, help="Repeat for up to this many seconds while broken."
)
@click.option("--no-gateway", is_flag=True, help="Skip the gateway, because it runs on another machine.")
@click.option("--quiet", is_flag=True, help="Print only what is wrong.")
@json_option
def command(
    late_minutes: float, behind_minutes: float, wait_s: float, no_gateway: bool, quiet: bool, as_json: bool
) -> int:
    """
    Check the whole system: one line each for gateway, store, workers, what is due, providers and Notion.

    Exit status 0: all is well. 1: something is broken (marked !). 3: nothing is broken, but something needs a person
    (marked ?), such as a dead letter. It changes nothing, and is suitable for cron and for upgrades.
    """
    from common.health_checks import Level, Limits
    from common.health_summary import EXIT_STATUS

    settings = settings_with_store(process="health")
    limits = Limits(late_ms=round(late_minutes * 60_000), behind_ms=round(behind_minutes * 60_000))
    until = time.monotonic() + wait_s
    while True:
        findings, summary = check(settings, limits, gateway=not no_gateway)
        level = summary.level
        if level is not Level.BROKEN or time.monotonic() >= until:
            break
        time.sleep(RETRY_SECONDS)
    if as_json:
        aspects = [
            {"name": each.name, "ok": each.level is not Level.BROKEN, "level": each.level, "said": _line(each)}
            for each in findings
        ]
        healthy = level is not Level.BROKEN
        print_json({"healthy": healthy, "level": level, "sentence": summary.sentence, "aspects": aspects})
    else:
        _print(findings, quiet=quiet)
    return EXIT_STATUS[level]


def check(settings: Settings, limits: Limits, *, gateway: bool = True) -> tuple[list[Finding], HealthSummary]:
    """Return a finding for every aspect, in the order in which an operator would look, and a summary of all."""
    import redis

    from common.health_checks import check_gateway, check_unreachable_store
    from common.health_summary import summarize

    findings = list(check_gateway(_gateway(settings.gateway_url), url=settings.gateway_url)) if gateway else []
    try:
        of_store, stats = asyncio.run(check_store(settings, limits, answers_within_s=ANSWER_SECONDS_MAX))
    except (redis.RedisError, OSError) as error:
        of_store, stats = (check_unreachable_store(error),), None
    findings += of_store
    return findings, summarize(findings, stats)


async def check_store(
    settings: Settings, limits: Limits | None = None, *, answers_within_s: float | None = None
) -> tuple[tuple[Finding, ...], StoreStats]:
    """Check everything but the gateway. Raises redis.RedisError or OSError when the store does not answer."""
    from common.campaigns.campaigns import Campaigns, load_campaigns
    from common.health_checks import check_health
    from common.ledger.reads.store_stats import read_store_stats
    from common.versions.played import differing_from

    # Loading takes a second or more, which must not count against the store's time limit.
    files = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    played = Campaigns(*files.values())
    async with asyncio.timeout(answers_within_s), open_ledger(settings, campaigns=played) as ledger:
        stats, differing = await read_store_stats(ledger), await differing_from(files, ledger)
        return check_health(stats, limits=limits, files_differ=differing), stats


def local_gateway_findings(settings: Settings) -> list[Finding]:
    """Return the gateway's findings; [] when none runs on this machine."""
    from common.health_checks import check_gateway

    status = _gateway(settings.gateway_url)
    return list(check_gateway(status)) if status is not None else []


def _gateway(url: str) -> GatewayStatus | None:
    """Return the status of the gateway at `url`; None when no gateway answers there."""
    from common.gateway_status import GatewayStatus

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("GET", "/ready")
        return GatewayStatus.read(json.loads(connection.getresponse().read()))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _line(finding: Finding) -> str:
    return f"{finding.sentence}. {finding.cure}" if finding.cure else finding.sentence


def _print(findings: list[Finding], *, quiet: bool) -> None:
    from common.health_checks import Level

    styles = {Level.OK: ("  ", None), Level.NEEDS_PERSON: ("? ", "yellow"), Level.BROKEN: ("! ", "red")}
    for finding in findings:
        prefix, color = styles[finding.level]
        if not (quiet and finding.level is Level.OK):
            click.secho(f"{prefix}{finding.name:<8} {_line(finding)}", fg=color)
