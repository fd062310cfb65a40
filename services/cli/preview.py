"""`advent preview`"""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.path_errors import path_error_text
from services.cli.arguments import address
from services.cli.error_lines import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.campaigns.campaigns import Campaigns
    from common.campaigns.gallery import Page
    from common.domain.enrollment import Enrollment
    from common.ledger.ledger import Ledger
    from common.settings.settings import Settings


@click.command()
@click.option("--open", "show", is_flag=True, help="Open the gallery in a browser.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="A folder; by default DATA_DIR/preview.")
@click.option("--campaign", metavar="NAME", help="One campaign instead of all.")
@click.option("--as", "email", metavar="EMAIL", callback=address, help="As this contact in the store gets them.")
def command(show: bool, into: Path | None, campaign: str | None, email: str | None) -> None:
    """
    Render every e-mail for every segment, language and kind of reader, and a gallery of them.

    The gallery shows each mail as on a desktop, on a phone, in dark mode and as plain text, for three kinds of reader:
    one who answered everything, one who answered the minimum, and one with awkward values.
    """
    from common.campaigns.campaigns import load_campaigns
    from common.campaigns.gallery import write_gallery
    from services.cli.shared import command_settings

    settings = command_settings()
    campaigns = load_campaigns((campaign,) if campaign else settings.campaign_keys, directory=settings.campaigns_dir)
    folder = into or settings.data_dir / "preview"
    setting, named = ("--into", into) if into else ("DATA_DIR", settings.data_dir)
    pages = [*(_as_contact(campaigns, settings, email) if email else _samples(campaigns, settings))]
    if not pages:
        raise CommandFailed(
            f"{email}: not enrolled in {', '.join(campaigns)}; name another campaign, or a person who signed up"
        )
    try:
        index = write_gallery(folder, ", ".join(one.name for one in campaigns.values()), pages)
    except OSError as error:
        raise CommandFailed(path_error_text(named, error, setting=setting)) from None
    click.echo(f"{len(pages)} mails: {index}")
    if show:
        webbrowser.open(index.resolve().as_uri())


def _samples(campaigns: Campaigns, settings: Settings) -> Iterator[Page]:
    from common.campaigns.gallery import sample_pages

    for campaign in campaigns.values():
        yield from sample_pages(campaign, campaign.identity(settings.identity))


def _as_contact(campaigns: Campaigns, settings: Settings, email: str) -> Iterator[Page]:
    from common.campaigns.gallery import contact_pages
    from services.cli.shared import with_ledger

    async def enrollments(ledger: Ledger) -> list[Enrollment | None]:
        return [await ledger.enrollments.get(known) for known in await ledger.mailboxes.in_campaigns(email)]

    for enrollment in with_ledger(enrollments):
        if enrollment is not None and enrollment.campaign in campaigns:
            campaign = campaigns[enrollment.campaign]
            yield from contact_pages(campaign, campaign.identity(settings.identity), enrollment, settings.pace)
