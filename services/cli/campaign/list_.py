"""`advent campaign list`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from services.cli.shared import command_settings, json_option, print_json, print_table

if TYPE_CHECKING:
    from common.campaigns.campaign import Campaign


@click.command()
@json_option
def command(as_json: bool) -> int:
    """
    List the campaigns: played or not, languages, mails, days, sending window.

    Exit status 1 when one of them cannot be loaded.
    """
    from common.campaigns.errors import CampaignError
    from common.campaigns.loader import available_campaigns, load_campaign

    settings = command_settings()
    rows: list[dict[str, Any]] = []
    broken: list[str] = []
    for key in available_campaigns(settings.campaigns_dir):
        try:
            campaign = load_campaign(key, directory=settings.campaigns_dir)
        except CampaignError as error:
            broken.append(" ".join(str(error).split()))
            continue
        rows.append({"key": key, "played": key in settings.campaign_keys, **_row(campaign)})
    if as_json:
        print_json({"campaigns": rows, "broken": broken})
    else:
        shown = [[_cell(value) for value in row.values()] for row in rows]
        print_table(["key", "played", "name", "languages", "#mails", "#reminders", "enrols", "sends", "version"], shown)
        for line in broken:
            click.secho(line, fg="red")
    return 1 if broken else 0


def _row(campaign: Campaign) -> dict[str, Any]:
    from common.campaigns.windows import window_in_words

    opens, closes = campaign.compiled.opens, campaign.compiled.closes
    return {
        "name": campaign.name,
        "languages": list(campaign.languages),
        "mails": len(campaign.steps),
        "reminders": len(campaign.reminders),
        "enrols": f"{opens or '…'} to {closes or '…'}" if opens or closes else "always",
        "sends": window_in_words(campaign.compiled.sending_window),
        "version": campaign.version,
    }


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
