"""`advent campaign lint`"""

from __future__ import annotations

import click

from services.cli.shared import command_settings, json_option, print_json


@click.command()
@click.argument("names", nargs=-1)
@click.option("--strict", is_flag=True, help="Exit with status 1 for advice too.")
@json_option
def command(names: tuple[str, ...], strict: bool, as_json: bool) -> int:
    """
    Find faults in a campaign that do not prevent sending it; by default in every campaign that is played.

    It checks for unresolved fields, links, images without a text, contrast, size, length of subjects, relative days,
    words that spam filters know, missing legal parts and paragraphs in another language. One line for each finding;
    exit status 1 for an error. A note says what each SMS costs.
    """
    from common.campaigns.lint.lint import lint

    settings = command_settings()
    found = [
        finding
        for name in names or settings.campaign_keys
        for finding in lint(name, settings.identity, directory=settings.campaigns_dir)
    ]
    to_correct = [finding for finding in found if not finding.is_note]
    if as_json:
        print_json([finding.fields for finding in found])
    else:
        for finding in found:
            click.secho(finding.line_of_text, fg="red" if finding.is_error else None if finding.is_note else "yellow")
        if not to_correct:
            click.secho("nothing to correct", fg="green")
    return 1 if any(finding.is_error or strict for finding in to_correct) else 0
