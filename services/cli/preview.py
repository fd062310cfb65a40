"""`advent preview`"""

from __future__ import annotations

import html
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.path_errors import unusable
from services.cli.error_lines import CommandFailed

if TYPE_CHECKING:
    from common.campaigns.campaign import Rendered


@click.command()
@click.option("--open", "show", is_flag=True, help="Open the index in a browser.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), help="A folder; DATA_DIR/preview unless named."
)
@click.option("--campaign", metavar="NAME", help="One campaign instead of all.")
def command(show: bool, into: Path | None, campaign: str | None) -> None:
    """Render every e-mail for every segment, as HTML and text, with an index page."""
    from common.campaigns.campaigns import load_campaigns
    from common.campaigns.samples import preview_pages
    from common.settings.load import load_settings

    settings = load_settings()
    campaigns = load_campaigns((campaign,) if campaign else settings.campaign_keys, directory=settings.campaigns_dir)
    folder = into or settings.data_dir / "preview"
    setting, named = ("--into", into) if into else ("DATA_DIR", settings.data_dir)
    pages: dict[str, Rendered] = {}
    for one in campaigns.values():
        prefix = f"{one.key}/" if len(campaigns) > 1 else ""
        pages |= {prefix + name: page for name, page in preview_pages(one, settings.identity)}
    try:
        index = _write(folder, ", ".join(one.name for one in campaigns.values()), pages)
    except OSError as error:
        raise CommandFailed(unusable(named, error, setting=setting)) from None
    click.echo(f"{len(pages)} mails: {index}")
    if show:
        webbrowser.open(index.resolve().as_uri())


def _write(folder: Path, campaign: str, pages: dict[str, Rendered]) -> Path:
    """Write each page and an index of them; returns the index."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, page in pages.items():
        stem = name.replace("/", "-").replace(" ", "-")
        (folder / f"{stem}.html").write_text(page.html, encoding="utf-8")
        (folder / f"{stem}.txt").write_text(f"{page.subject}\n\n{page.text}", encoding="utf-8")
        rows.append(_row(stem, name, page.subject))
    index = folder / "index.html"
    index.write_text(_INDEX.format(name=html.escape(campaign), rows="\n".join(rows)), encoding="utf-8")
    return index


def _row(stem: str, name: str, subject: str) -> str:
    return (
        f'<tr><td>{html.escape(name)}</td><td><a href="{stem}.html">{html.escape(subject)}</a></td>'
        f'<td><a href="{stem}.txt">text</a></td></tr>'
    )


_INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name}: every mail</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
td {{ padding: .3rem 1rem .3rem 0; vertical-align: top; }}
</style></head>
<body><h1>{name}</h1><table>
{rows}
</table></body></html>
"""
