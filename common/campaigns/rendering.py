"""
Renders the two parts of a mail, usually from the skeleton of an earlier mail.

Parsing Markdown and MJML costs many times more than filling values into the output. The output with placeholders, the
skeleton, is therefore cached. A skeleton is used only if it has produced, for one contact, the same bytes as that
contact's mail rendered from scratch. Where placeholders cannot be used, every mail is rendered from scratch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from common.campaigns.body import Body, Values
from common.campaigns.body_skeleton import BodySkeleton, read_skeleton
from common.campaigns.errors import CampaignError
from common.campaigns.layout import Layout, Row, scoreboard_lines
from common.campaigns.markdown import TextWriter, blocks, parsed
from common.campaigns.placeholders import Placeholders, Skeleton, skeleton

_PERSONAL = ("subject", "title", "preheader", "unsubscribe_url")
"""The values of a layout that differ for every contact; the others are part of the skeleton."""
_SIZE = 256
"""The number of cached skeletons of one layout; each takes about 30 KB."""


class Parts(NamedTuple):
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Mail:
    """
    A mail before it is laid out.

    `values`: the values of its body. `rows`: the scoreboard. `frame`: the values of the layout around the body. `row`,
    `link`: the patterns of a scoreboard row and of a link in the text part.
    """

    body: Body
    values: Values
    rows: Sequence[Row]
    frame: Mapping[str, Any]
    row: str
    link: str


class Renderer:
    """The renderer of the mails in one layout."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._skeletons: dict[tuple[str, str], Skeleton | None] = {}

    def without_skeletons(self) -> Renderer:
        """Return a renderer that renders every mail from scratch, for checks and comparisons."""
        return Renderer(replace(self.layout, takes_placeholders=False))

    def render(self, mail: Mail) -> Parts:
        """Render both parts. Raises CampaignError."""
        parts = self._from_skeleton(mail) or self.render_from_scratch(mail)
        self.layout.check_size(parts.html)
        return parts

    def render_from_scratch(self, mail: Mail) -> Parts:
        """Render both parts without a skeleton. Raises CampaignError."""
        tokens = parsed(mail.body.markdown_for(mail.values))
        html = self.layout.html(self.layout.mjml(blocks(tokens), mail.rows, mail.frame))
        body = TextWriter({"scoreboard": scoreboard_lines(mail.rows, mail.row)}, mail.link).text(tokens)
        return Parts(html, self.layout.text(body, mail.frame))

    def _from_skeleton(self, mail: Mail) -> Parts | None:
        if not (self.layout.takes_placeholders and mail.body.takes_placeholders):
            return None
        placeholders = Placeholders()
        markdown = placeholders.without_idle_edges(mail.body.markdown_for(mail.values, placeholders))
        size = len(placeholders.values)
        rows = [replace(row, count=placeholders.number(row.count)) for row in mail.rows]
        body = read_skeleton(markdown, scoreboard_lines(rows, mail.row), mail.link, size, size + len(rows))
        addresses = body.addresses(placeholders.values) if body else None
        if body is None or addresses is None:
            return None
        placeholders.values += addresses
        frame = dict(mail.frame) | {name: placeholders.text(mail.frame[name]) for name in _PERSONAL}
        mjml = self.layout.mjml(body.blocks, rows, frame)
        return self._filled((markdown, mjml), mail, body, placeholders.values)

    def _filled(self, key: tuple[str, str], mail: Mail, body: BodySkeleton, values: Sequence[str]) -> Parts | None:
        if key not in self._skeletons:
            return self._compare(key, mail, body, values)
        html = self._skeletons[key]
        if html is None or not html.takes(values):
            return None
        return Parts(html.filled(values), self.layout.text(body.text.filled(values), mail.frame))

    def _compare(self, key: tuple[str, str], mail: Mail, body: BodySkeleton, values: Sequence[str]) -> Parts:
        """Render from scratch. Cache the skeleton if it gives the same mail, otherwise cache that there is none."""
        parts = self.render_from_scratch(mail)
        html = self._skeleton(key[1])
        if html is None or html.takes(values):
            same = html and parts == Parts(html.filled(values), self.layout.text(body.text.filled(values), mail.frame))
            if len(self._skeletons) >= _SIZE:
                self._skeletons.clear()
            self._skeletons[key] = html if same else None
        return parts

    def _skeleton(self, mjml: str) -> Skeleton | None:
        try:
            return skeleton(self.layout.html(mjml))
        except CampaignError:
            return None  # The layout needs a value that is not mere text, such as a colour or a length.
