"""
Turns one Markdown text into both parts of a mail: blocks for the HTML layout, and plain lines for the text part.

There are four additions to CommonMark: a link alone in its paragraph is a button, a quotation is a callout,
`{{ scoreboard }}` alone in its paragraph is a component, and a list item that begins with `[ ]` has a checkbox. HTML in
the source is shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from common.campaigns.placeholders import dashes

_MARK = "\ue000"
"""A private-use character: `wording.clean` removes it from every value, so only a component can contain it."""

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True})
_BOX, _TICKED = "[ ] ", "\u2610\u00a0"
_SPACES = re.compile(r" {2,}")
_EMPTY = Markup()


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the HTML. `html` is safe; `label` and `href` are not escaped yet."""

    kind: Literal["text", "callout", "button", "component"]
    html: Markup = _EMPTY
    label: str = ""
    href: str = ""


def component(name: str) -> Markup:
    """Return the text that represents a component in the Markdown source."""
    return Markup(f"{_MARK}{name}{_MARK}")


@lru_cache(maxsize=1024)
def address(text: str) -> str:
    """Return a link's address as Markdown writes it: characters that are invalid in one are percent-encoded."""
    return _MARKDOWN.normalizeLink(text)


def is_address(text: str) -> bool:
    """Whether `[label](text)` is a link, when the punctuation of `text` is escaped."""
    return " " not in text and _MARKDOWN.validateLink(address(text))


def parsed(source: str) -> list[Token]:
    tokens = _MARKDOWN.parse(source)
    for child in (child for token in tokens for child in token.children or ()):
        # A false condition in the template may leave two spaces in its place.
        child.content = _SPACES.sub(" ", child.content)
    _mark_boxes(tokens)
    return tokens


def _mark_boxes(tokens: Sequence[Token]) -> None:
    """Mark the list items with a checkbox. The tokens of an item are the item, its paragraph, its text."""
    for item, inline in zip(tokens, tokens[2:], strict=False):
        if item.type != "list_item_open" or not inline.children:
            continue
        first = inline.children[0]
        if first.type == "text" and first.content.startswith(_BOX):
            item.attrSet("style", "list-style: none")
            first.meta["box"] = True


def blocks(tokens: Sequence[Token]) -> list[Block]:
    """Return the blocks of the HTML part, in order; adjacent paragraphs and lists form one `text` block."""
    found: list[Block] = []
    running: list[Token] = []
    for group in _groups(tokens):
        block = _special(group)
        if block is None:
            running += group
            continue
        if running:
            found.append(Block("text", _html(running)))
        running = []
        found.append(block)
    return [*found, Block("text", _html(running))] if running else found


def _groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    group: list[Token] = []
    for token in tokens:
        group.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield group
            group = []


def _special(group: list[Token]) -> Block | None:
    if group[0].type == "blockquote_open":
        return Block("callout", _html(group[1:-1]))
    if group[0].type != "paragraph_open":
        return None
    inline = SyntaxTreeNode(group).children[0].children[0]
    name = _component_name(inline)
    if name:
        return Block("component", label=name)
    if _is_lone_link(inline):
        return Block("button", label=TextWriter({}).line(inline.children[0].children), href=_href(inline.children[0]))
    return None


def _text_in_html(
    renderer: RendererProtocol, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    return escapeHtml(_TICKED + token.content[len(_BOX) :] if token.meta.get("box") else token.content)


_MARKDOWN.add_render_rule("text", _text_in_html)


def _html(tokens: Sequence[Token]) -> Markup:
    rendered = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(rendered.strip())  # markdown-it escapes all text


@dataclass(frozen=True, slots=True)
class TextWriter:
    """
    Writes the text part, without Markdown's marks.

    `components`: maps the names of components to their lines. `link`: the pattern of a link, such as `{label}: {url}`.
    `underline`: returns the line under a heading.
    """

    components: Mapping[str, str]
    link: str = "{label}: {url}"
    underline: Callable[[str], str] = dashes

    def text(self, tokens: Sequence[Token]) -> str:
        return "\n\n".join(self._paragraphs(SyntaxTreeNode(tokens).children))

    def _paragraphs(self, nodes: Sequence[SyntaxTreeNode]) -> Iterator[str]:
        for node in nodes:
            if node.type in ("bullet_list", "ordered_list"):
                yield "\n".join(self._items(node))
            elif node.type == "blockquote":
                yield _indented("\n\n".join(self._paragraphs(node.children)), "  ")
            elif node.type == "heading":
                title = self.line(node.children[0].children)
                yield f"{title}\n{self.underline(title)}"
            elif node.type == "hr":
                yield "* * *"
            elif node.type in ("fence", "code_block"):
                yield node.content.rstrip("\n")
            else:
                inline = node.children[0]
                yield self.components.get(_component_name(inline)) or self.line(inline.children)

    def _items(self, node: SyntaxTreeNode) -> Iterator[str]:
        first = int(node.attrs.get("start", 1))
        for number, item in enumerate(node.children, first):
            mark = f"{number}. " if node.type == "ordered_list" else "- "
            inner = _indented("\n".join(self._paragraphs(item.children)), " " * len(mark))
            yield mark + inner.lstrip(" ")

    def line(self, nodes: Sequence[SyntaxTreeNode]) -> str:
        return "".join(map(self._inline, nodes)).strip()

    def _inline(self, node: SyntaxTreeNode) -> str:
        if (plain := _plain(node)) is not None:
            return plain
        inner = "".join(map(self._inline, node.children))
        shown = node.type != "link" or inner == _href(node)
        return inner if shown else self.link.format(label=inner, url=_href(node))


def _plain(node: SyntaxTreeNode) -> str | None:
    """Return the text of a node without children; None for others."""
    if node.type in ("text", "code_inline"):
        return node.content
    return {"softbreak": " ", "hardbreak": "\n"}.get(node.type)


def _is_lone_link(inline: SyntaxTreeNode) -> bool:
    return [child.type for child in inline.children] == ["link"]


def _component_name(inline: SyntaxTreeNode) -> str:
    content = inline.content.strip()
    return content[1:-1] if len(content) > 2 and content[0] == content[-1] == _MARK else ""


def _href(node: SyntaxTreeNode) -> str:
    return str(node.attrs["href"])


def _indented(text: str, margin: str) -> str:
    return "\n".join(margin + line if line else line for line in text.split("\n"))
