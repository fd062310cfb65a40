"""`advent campaign new`"""

from __future__ import annotations

from pathlib import Path

import click

from common.path_errors import unusable
from services.cli.error_lines import CommandFailed
from services.cli.shared import settings_given

_DEFAULT_FOLDER = Path("campaigns")


@click.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="The directory of campaigns; CAMPAIGNS_DIR, else ./campaigns.",
)
def command(name: str, into: Path | None) -> None:
    """
    Create the directory of a campaign: three letters and two reminders in English and French, ready to be rewritten.

    NAME: lower-case letters, digits and _, such as spring_2026. What is created passes `advent campaign lint`.
    """
    from common.campaigns.loader import load_campaign
    from common.campaigns.starter import create

    settings = settings_given()
    home = into or settings.campaigns_dir or _DEFAULT_FOLDER
    try:
        folder = create(name, home)
    except FileExistsError:
        raise CommandFailed(f"{home / name}: is there already; choose another name") from None
    except OSError as error:
        setting = "--into" if into else "CAMPAIGNS_DIR"
        raise CommandFailed(unusable(home, error, setting=setting)) from None
    load_campaign(name, directory=home)
    click.echo(f"Created {folder}/. Next:")
    played = ",".join(dict.fromkeys([*settings.campaign_keys, name]))
    for line in (
        "  1. Write its letters; docs/authoring.md says how.",
        f"  2. CAMPAIGNS_DIR={home} advent campaign lint {name}",
        f"  3. CAMPAIGNS_DIR={home} advent preview --campaign {name} --open",
        f"  4. In .env: CAMPAIGNS_DIR={home} and CAMPAIGNS={played}",
    ):
        click.echo(line)
