"""
From a written body to the two parts of a mail, by the campaign's own `layout/mail.mjml` and `layout/mail.txt`.

Jinja escapes values for MJML, which is XML; MJML then becomes tables with inlined styles that hold in Outlook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mrml
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common.campaigns.errors import CampaignError
from common.campaigns.files import read_text
from common.campaigns.markdown import blocks, parsed, text

GMAIL_CLIPS_BYTES = 102_000
"""Gmail hides what follows, the unsubscribe link included, behind "View entire message"."""

_XML = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
# Without this a mail fetches a font from another company's server whenever it is opened.
_RENDER = mrml.RenderOptions(fonts={})

_MEANINGS = {
    "red": "look here first",
    "orange": "under strain",
    "yellow": "working, with gaps",
    "green": "running well",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the scoreboard."""

    colour: str
    count: int
    meaning: str


def scoreboard(counts: Mapping[str, int]) -> list[Row]:
    """One row for each colour that was given to a system."""
    return [Row(colour, counts[colour], meaning) for colour, meaning in _MEANINGS.items() if counts.get(colour)]


@dataclass(frozen=True, slots=True)
class Layout:
    folder: Path
    mjml: Template
    plain: Template

    def html(self, markdown: str, rows: list[Row], values: Mapping[str, object]) -> str:
        """The HTML part. Raises CampaignError."""
        file = self.folder / "mail.mjml"
        source = _filled(file, self.mjml, {**values, "blocks": blocks(parsed(markdown)), "scoreboard": rows})
        try:
            html: str = mrml.to_html(source, None, _RENDER).content
        except Exception as error:  # noqa: BLE001 -- mrml raises nothing narrower
            raise CampaignError(f"{file}: not MJML: {error}") from None
        if len(html.encode()) >= GMAIL_CLIPS_BYTES:
            raise CampaignError(f"{file}: {len(html.encode())} bytes of HTML; Gmail clips at {GMAIL_CLIPS_BYTES}")
        return html

    def text(self, markdown: str, rows: list[Row], values: Mapping[str, object]) -> str:
        """The text part. Raises CampaignError."""
        lines = "\n".join(f"- {row.colour.capitalize()}: {row.count} ({row.meaning})" for row in rows)
        body = text(parsed(markdown), {"scoreboard": lines})
        return _filled(self.folder / "mail.txt", self.plain, {**values, "body": body}).strip() + "\n"


def read_layout(folder: Path) -> Layout:
    """Raises CampaignError."""
    return Layout(folder, _compiled(folder / "mail.mjml", _XML), _compiled(folder / "mail.txt", _PLAIN))


def _compiled(file: Path, environment: ImmutableSandboxedEnvironment) -> Template:
    try:
        return environment.from_string(read_text(file))
    except TemplateSyntaxError as error:
        raise CampaignError(f"{file}: line {error.lineno}: {error.message}") from None


def _filled(file: Path, template: Template, values: Mapping[str, object]) -> str:
    try:
        return template.render(values)
    except TemplateError as error:
        raise CampaignError(f"{file}: {error.message}; use one of: {', '.join(sorted(values))}") from None
