"""`advent simulate`"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict

import click
import structlog

from services.cli.shared import json_option, print_json


@click.command()
@click.option("--people", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many sign up.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed plays the same rehearsal.")
@json_option
def command(people: int, seed: int, as_json: bool) -> int:
    """
    Rehearse the campaign in virtual time, with the real actors on a store of its own: nothing leaves, nothing is kept.

    Everybody stays and nobody books. Exit status 1 when a promise was broken.
    """
    from common.campaigns.loader import load_campaign
    from common.settings.load import load_settings
    from common.settings.settings import Settings
    from services.sandbox.rehearsal import rehearse

    # The actors tell each step as they always do; of a rehearsal only its end is of interest.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    given = load_settings()
    campaign = load_campaign(given.campaign, directory=given.campaigns_dir)
    settings = Settings(
        secret_key="of a rehearsal that nobody keeps",
        testing_mode=given.testing_mode,
        campaign_speed=given.campaign_speed,
        sandboxed=frozenset({"resend", "notion"}),
    )
    report = asyncio.run(rehearse(campaign, settings, people=people, seed=seed))
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(f"{report.people} people · {report.sent} sent · {report.skipped} skipped · {report.dead} dead")
        for line in report.violations:
            click.echo(f"  broken: {line}")
        if not report.violations:
            click.echo("no promise was broken")
    return 1 if report.violations else 0
