"""`advent campaign new`"""

from __future__ import annotations

from pathlib import Path

import click

from common.path_errors import path_error_text
from services.cli.error_lines import CommandFailed
from services.cli.shared import command_settings

_DEFAULT_FOLDER = Path("campaigns")


@click.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="The directory of campaigns; by default CAMPAIGNS_DIR or ./campaigns.",
)
@click.option("--language", metavar="TAG", help="Add this language, such as es or pt-BR, to an existing campaign.")
def command(name: str, into: Path | None, language: str | None) -> None:
    """
    Create the directory of a campaign: three letters and two reminders in English and French, ready to be rewritten.

    NAME: lower-case letters, digits and _, such as spring_2026. What is created passes `advent campaign lint`.
    """
    from common.campaigns.loader import load_campaign
    from common.campaigns.starter import create

    settings = command_settings()
    home = into or settings.campaigns_dir or _DEFAULT_FOLDER
    if language:
        _add_language(name, home, language)
        return
    try:
        folder = create(name, home)
    except FileExistsError:
        raise CommandFailed(f"{home / name}: already exists; choose another name") from None
    except OSError as error:
        setting = "--into" if into else "CAMPAIGNS_DIR"
        raise CommandFailed(path_error_text(home, error, setting=setting)) from None
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


def _add_language(name: str, home: Path, tag: str) -> None:
    from common.campaigns.loader import load_campaign
    from common.campaigns.starter import add_language

    like = load_campaign(name, directory=home).compiled.default_language
    try:
        folder = add_language(home / name, tag, like)
    except FileExistsError:
        raise CommandFailed(f"{home / name / tag}: already exists; edit the texts in it") from None
    except OSError as error:
        raise CommandFailed(path_error_text(home, error, setting="CAMPAIGNS_DIR")) from None
    click.echo(f"Created {folder}/ with the texts of {like}. Next:")
    click.echo("  1. Write all of them in the new language, strings.toml too.")
    click.echo(f'  2. Add "{tag}" to `languages` in {home / name / "campaign.toml"}')
    click.echo(f"  3. CAMPAIGNS_DIR={home} advent campaign lint {name}")
