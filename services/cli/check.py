"""`advent check`"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from common.settings.rules import warnings_of
from common.settings.settings import Settings, SettingsError
from common.store.errors import StoreError
from services.cli.check_calcom import check_calcom
from services.cli.check_notion import check_notion
from services.cli.check_report import CheckReport
from services.cli.check_resend import check_resend
from services.cli.check_secret_key import accept_secret_key, compare_secret_key
from services.cli.check_twilio import check_twilio
from services.cli.check_versions import compare_versions
from services.cli.error_lines import provider_error_line
from services.cli.shared import json_option, print_json, process_settings

if TYPE_CHECKING:
    from common.campaigns.campaigns import Campaigns


@click.command()
@click.option("--fix", is_flag=True, help="Add the properties that the Notion databases lack.")
@click.option(
    "--accept-new-secret-key",
    is_flag=True,
    help="Accept this SECRET_KEY as the store's new one; read docs/operations.md first.",
)
@click.option("--accept-store-loss", is_flag=True, help="Accept a store that may lose the latest writes.")
@json_option
def command(fix: bool, accept_new_secret_key: bool, accept_store_loss: bool, as_json: bool) -> int:
    """
    Check, before a start, everything that would fail later.

    Settings, the store's persistence and eviction policy, whether SECRET_KEY is the store's, both Notion databases, the
    sender's domain and webhook at Resend, the webhook at Cal.com, the account at Twilio, and every e-mail of every
    segment. One line for each problem; exit status 1 if any. Warnings leave it 0.
    """
    found = CheckReport()
    try:
        settings = process_settings()
    except SettingsError as error:
        found.problems += error.problems
    else:
        found.notes.append("settings: valid")
        found.warnings += warnings_of(settings)
        if accept_new_secret_key:
            found.notes.append(asyncio.run(accept_secret_key(settings)))
        asyncio.run(_check(settings, found, fix=fix, accept_store_loss=accept_store_loss))
    if as_json:
        print_json({"problems": found.problems, "warnings": found.warnings, "notes": found.notes})
    else:
        _print(found)
    return 1 if found.problems else 0


def _print(found: CheckReport) -> None:
    for note in found.notes:
        click.echo(f"  {note}")
    for warning in found.warnings:
        click.secho(f"warning: {warning}", fg="yellow")
    for problem in found.problems:
        click.secho(problem, fg="red")
    if not found.problems:
        click.secho("no problems", fg="green")


async def _check(settings: Settings, found: CheckReport, *, fix: bool, accept_store_loss: bool) -> None:
    _check_store(settings, found, accept_store_loss=accept_store_loss)
    await compare_secret_key(settings, found)
    campaigns = _check_campaign(settings, found)
    if campaigns is not None:
        await compare_versions(settings, campaigns, found)
        await _check_sms(settings, campaigns, found)
    await check_provider("Resend", settings.resend_is_real, settings, found, check_resend)
    if settings.calcom_api_key:
        await check_provider("Cal.com", "calcom" not in settings.sandboxed, settings, found, check_calcom)
    if campaigns is not None:

        async def check_tables(settings: Settings, found: CheckReport) -> None:
            await check_notion(settings, campaigns, found, fix=fix)

        await check_provider("Notion", settings.notion_is_real, settings, found, check_tables)


async def _check_sms(settings: Settings, campaigns: Campaigns, found: CheckReport) -> None:
    wanting = [campaign.key for campaign in campaigns.values() if campaign.compiled.sms is not None]
    if settings.twilio_account_sid is not None:
        await check_provider("Twilio", settings.twilio_is_real, settings, found, check_twilio)
    elif wanting:
        names = ", ".join(wanting)
        found.warnings.append(f"TWILIO_ACCOUNT_SID: unset, so the reminders by SMS of {names} are skipped; set it")
    else:
        found.notes.append("Twilio: TWILIO_ACCOUNT_SID is unset; no SMS is sent")


async def check_provider(
    name: str,
    is_real: bool,
    settings: Settings,
    found: CheckReport,
    check: Callable[[Settings, CheckReport], Awaitable[None]],
) -> None:
    """Check a provider, or the sandbox in its place if one runs."""
    from common.errors import Failure
    from services.supervisor.ports import answers

    if not is_real and not answers(f"{settings.sandbox_url}/health"):
        found.notes.append(f"{name}: the sandbox takes its place; it is not running, so it was not checked")
        return
    try:
        await check(settings, found)
    except Failure as failure:
        failure.provider = name.lower().replace(".", "")
        found.problems.append(provider_error_line(failure, settings))


def _check_store(settings: Settings, found: CheckReport, *, accept_store_loss: bool) -> None:
    import redis

    from common.store.clients import connect, redacted_url
    from common.store.durability import store_warnings
    from common.store.refusals import find_refusal_blocking
    from services.supervisor.run_dir import with_store_url

    try:
        url = with_store_url(settings).redis_url or ""
    except StoreError:
        found.notes.append("store: embedded; it is not running, `advent up` starts it with the right settings")
        return
    try:
        with connect(url) as client:
            refusal = find_refusal_blocking(client)
            if refusal is not None and refusal.is_final:
                found.problems.append(refusal.line)
                return
            warnings = [*store_warnings(client), *([refusal.line] if refusal else [])]
    except redis.RedisError as error:
        found.problems.append(
            f"REDIS_URL: {redacted_url(url)} does not answer ({error}); start it, or correct REDIS_URL"
        )
        return
    (found.notes if accept_store_loss else found.problems).extend(warnings)
    if not warnings:
        found.notes.append("store: durable, and evicts nothing")


def _check_campaign(settings: Settings, found: CheckReport) -> Campaigns | None:
    from common.campaigns.campaigns import load_campaigns
    from common.campaigns.loader import CampaignError

    try:
        campaigns = load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    except CampaignError as error:
        found.problems.append(" ".join(str(error).split()))
        return None
    for campaign in campaigns.values():
        found.notes.append(f"campaign: {campaign.name}, every e-mail renders for every segment")
    if ignored := campaigns.windows_ignored(settings.pace):
        found.warnings.append(
            f"TESTING_MODE: the sending windows of {', '.join(ignored)} do not apply; mail is sent at night too"
        )
    return campaigns
