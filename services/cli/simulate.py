"""`advent simulate`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from common.formatting import count
from services.cli.progress import count_bar
from services.cli.shared import json_option, print_json


@click.command()
@click.option("--people", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many sign up.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same people.")
@click.option("--campaign", metavar="NAME", help="One campaign instead of all.")
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that says who books calls, what fails, and which edited campaigns are put in force meanwhile.",
)
@json_option
def command(people: int, seed: int, campaign: str | None, scenario: Path | None, as_json: bool) -> int:
    """
    Simulate the campaigns in virtual time, with the real actors on a temporary store. Nothing is sent or stored.

    Nobody leaves, and nobody books a call unless the scenario says so. Exit status 1 when a promise was broken.
    """
    from common.campaigns.campaigns import load_campaigns
    from common.settings.load import load_settings
    from common.settings.settings import Settings
    from services.simulation.processes import simulate_in_processes
    from services.simulation.scenario_file import read_scenario
    from services.simulation.scenarios import Scenario

    given = load_settings()
    keys = (campaign,) if campaign else given.campaign_keys
    campaigns = load_campaigns(keys, directory=given.campaigns_dir)
    settings = Settings(
        secret_key="of a simulation that nobody keeps",
        campaigns=",".join(keys),
        campaigns_dir=given.campaigns_dir,
        testing_mode=given.testing_mode,
        campaign_speed=given.campaign_speed,
        sandboxed=frozenset({"resend", "notion", "twilio"}),
    )
    played = Scenario(people=people, seed=seed)
    if scenario:
        played = read_scenario(scenario, played, campaigns)
    mails = people * sum(len(one.steps) for one in campaigns.values())
    with count_bar("e-mails", mails) as progress:
        report = simulate_in_processes(settings, played, progress=progress)
    if as_json:
        print_json(asdict(report))
    else:
        enrolled = count(report.people, "person", "people")
        click.echo(f"{enrolled} · {report.sent:,} sent · {report.skipped:,} skipped · {report.dead:,} dead")
        if report.calls:
            calls, mails_about = count(report.calls, "call"), count(report.call_mails, "e-mail")
            click.echo(f"{calls} · {mails_about} about them · {report.texts:,} SMS")
        for line in report.violations:
            click.echo(f"  broken: {line}")
        if not report.violations:
            click.echo("no promise was broken")
    return 1 if report.violations else 0
