"""`advent campaign fields`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from services.cli.shared import command_settings, json_option, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.campaigns.campaign import Campaign
    from common.campaigns.compiled import Field


@click.command()
@click.argument("name", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """Show the fields of a signup and the variables of letters and reminders; by default of the first campaign."""
    from common.campaigns.facts import REMINDER_VARIABLES
    from common.campaigns.loader import load_campaign
    from common.campaigns.variables import email_variables

    settings = command_settings()
    campaign = load_campaign(name or settings.campaign_keys[0], directory=settings.campaigns_dir)
    letters = {variable: sorted(parts) for variable, parts in sorted(email_variables(campaign.compiled).items())}
    if as_json:
        fields = [_field(field) for field in campaign.compiled.fields]
        print_json({"fields": fields, "letters": letters, "reminders": sorted(REMINDER_VARIABLES)})
        return
    click.echo(f"POST /webhook/signup/{campaign.key} takes email and:")
    print_table(["field", "type", "required", "values", "in letters"], [*_rows(campaign)])
    click.echo("\nLetters may say:")
    for variable, parts in letters.items():
        click.echo(f"  {variable}" + (f"   ({', '.join('.' + part for part in parts)})" if parts else ""))
    click.echo(f"\nReminders may say: {', '.join(sorted(REMINDER_VARIABLES))}")


def _rows(campaign: Campaign) -> Iterator[list[str]]:
    printed = _names_in_letters(campaign)
    for field in campaign.compiled.fields:
        yield [field.name, field.type, "yes" if field.required else "", _values(field), printed.get(field.name, "")]


def _names_in_letters(campaign: Campaign) -> dict[str, str]:
    """Return each field's name in letters. A field that only describes a system has that system's variable."""
    names = {field.name: "" if field.type == "scores" else field.variable for field in campaign.compiled.fields}
    for one in campaign.compiled.systems:
        names |= dict.fromkeys(one.fields, one.variable)
    return names


def _values(field: Field) -> str:
    if field.choices:
        return " | ".join(field.choices)
    bounds = [f"{limit:,}" if limit is not None else "" for limit in (field.minimum, field.maximum)]
    return " to ".join(bounds) if any(bounds) else ""


def _field(field: Field) -> dict[str, Any]:
    known = {
        "name": field.name,
        "type": field.type,
        "required": field.required,
        "variable": field.variable,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "choices": list(field.choices) or None,
        "default": field.default,
    }
    return {name: value for name, value in known.items() if value is not None}
