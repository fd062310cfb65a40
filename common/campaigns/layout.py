"""
A layout, `mail.mjml` and `mail.txt`: turns a body into the two parts of a mail.

Jinja escapes values for MJML, which is XML. MJML is then converted to HTML tables with inlined styles, which work in
Outlook too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mrml
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common.campaigns.compiled import LayoutSource
from common.campaigns.errors import CampaignError
from common.campaigns.markdown import Block
from common.campaigns.placeholders import captures_output, printed
from common.campaigns.strings import ScoreboardStrings

GMAIL_CLIPS_BYTES = 102_000
"""Gmail hides everything after this size, including the unsubscribe link, behind "View entire message"."""

_XML = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=True, finalize=printed, trim_blocks=True, lstrip_blocks=True
)
_PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
# Without this option, each opened mail would fetch a font from another company's server.
_RENDER = mrml.RenderOptions(fonts={})

_WRITTEN = frozenset({"html", "label", "href"})
"""The fields of a `Block` that contain a person's values."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the scoreboard. `colour`: the same in every language. `label`: its name in this language."""

    colour: str
    count: int
    label: str
    meaning: str


def scoreboard(counts: Mapping[str, int], strings: ScoreboardStrings) -> list[Row]:
    """Return a row for each colour whose count is not 0."""
    return [
        Row(colour, count, strings.colours[colour].label, strings.colours[colour].meaning)
        for colour, count in counts.items()
        if count
    ]


def scoreboard_lines(rows: Sequence[Row], pattern: str) -> str:
    """Return the scoreboard for the text part. `pattern`: the format of a row."""
    return "\n".join(
        pattern.format(label=row.label.capitalize(), count=printed(row.count), meaning=row.meaning) for row in rows
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """
    A compiled layout.

    `folder`: its name in errors. `takes_placeholders`: it only prints the values of a body, so it can be filled with
    placeholders.
    """

    folder: str
    frame: Template
    plain: Template
    takes_placeholders: bool

    def mjml(self, blocks: Sequence[Block], rows: Sequence[Row], values: Mapping[str, object]) -> str:
        """Return the MJML source of the HTML part. Raises CampaignError."""
        return _filled(f"{self.folder}/mail.mjml", self.frame, {**values, "blocks": blocks, "scoreboard": rows})

    def html(self, mjml: str) -> str:
        """Convert MJML to HTML. Raises CampaignError."""
        try:
            html: str = mrml.to_html(mjml, None, _RENDER).content
        except Exception as error:  # noqa: BLE001 -- mrml raises nothing narrower
            raise CampaignError(f"{self.folder}/mail.mjml: not MJML: {error}") from None
        return html

    def check_size(self, html: str) -> str:
        """Return the HTML. Raises CampaignError if Gmail would clip it."""
        size = len(html.encode())
        if size >= GMAIL_CLIPS_BYTES:
            raise CampaignError(f"{self.folder}/mail.mjml: {size} bytes of HTML; Gmail clips at {GMAIL_CLIPS_BYTES}")
        return html

    def text(self, body: str, values: Mapping[str, object]) -> str:
        """Return the text part. Raises CampaignError."""
        return _filled(f"{self.folder}/mail.txt", self.plain, {**values, "body": body}).strip() + "\n"


def read_layout(folder: str, source: LayoutSource) -> Layout:
    """Compile a layout. Raises CampaignError."""
    frame, tree = _compiled(f"{folder}/mail.mjml", source.mjml, _XML)
    plain, _ = _compiled(f"{folder}/mail.txt", source.text, _PLAIN)
    return Layout(folder, frame, plain, _only_prints(tree))


def _compiled(file: str, source: str, environment: ImmutableSandboxedEnvironment) -> tuple[Template, nodes.Template]:
    try:
        return environment.from_string(source), environment.parse(source)
    except TemplateSyntaxError as error:
        raise CampaignError(f"{file}: line {error.lineno}: {error.message}") from None


def _only_prints(tree: nodes.Template) -> bool:
    """Whether the layout only iterates over the blocks and only prints their values."""
    fields = list(tree.find_all(nodes.Getattr))
    loops = [loop for loop in tree.find_all(nodes.For) if getattr(loop.iter, "name", "") == "blocks"]
    names = {"blocks", *(getattr(loop.target, "name", "blocks") for loop in loops)}
    uses: list[nodes.Node] = [field for field in fields if field.attr in _WRITTEN]
    uses += [name for name in tree.find_all(nodes.Name) if name.name in names]
    prints = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
    around = [node for loop in loops for node in (loop.iter, loop.target)]
    allowed = {id(node) for node in (*prints, *around, *(field.node for field in fields))}
    return not captures_output(tree) and all(id(use) in allowed for use in uses)


def _filled(file: str, template: Template, values: Mapping[str, object]) -> str:
    try:
        return template.render(values)
    except TemplateError as error:
        raise CampaignError(f"{file}: {error.message}; use one of: {', '.join(sorted(values))}") from None
