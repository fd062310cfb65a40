"""
The body of a mail: a Markdown file with the subject and the preheader above the text.

    ---
    subject: Your results, {{ first_name }}
    preheader: Where December will pull, and where it will hold.
    ---
    Hi {{ first_name }}, …

Jinja fills in the values. Each value passes through `Templates.in_words`: a value that is empty or was not given is an
error, never a blank.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import Template, TemplateError, TemplateSyntaxError, UndefinedError, meta, nodes

from common.campaigns.errors import CampaignError
from common.campaigns.placeholders import Placeholders, captures_output
from common.campaigns.suggestion import suggestion
from common.campaigns.templates import PLACEHOLDERS, Blank, Templates, template_line, unclosed_block

_FRONT = re.compile(r"\A---\n(?P<front>.*?)\n---\n(?P<markdown>.*)\Z", re.DOTALL)
_FIELDS = ("subject", "preheader")
_TAGS = re.compile(r"{%.*?%}")

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Body:
    """
    A compiled body.

    `file`: its name in errors. `first_line`: the line in the file on which the Markdown begins. `takes_placeholders`:
    the template never reads its own output, so it can be rendered with placeholders.
    """

    file: str
    subject: Template
    preheader: Template
    markdown: Template
    first_line: int
    takes_placeholders: bool

    def subject_for(self, values: Values) -> str:
        """Return the subject, in plain text. Raises CampaignError for a value that is empty or was not given."""
        return filled(self.file, "subject", self.subject, values)

    def preheader_for(self, values: Values) -> str:
        """Return the preheader, in plain text. Raises as `subject_for`."""
        return filled(self.file, "preheader", self.preheader, values)

    def markdown_for(self, values: Values, placeholders: Placeholders | None = None) -> str:
        """Return Markdown in which each value is literal, or a new placeholder. Raises as `subject_for`."""
        given = {**values, PLACEHOLDERS: placeholders}
        return filled(self.file, "the text", self.markdown, given, self.first_line)


def filled(file: str, field: str, template: Template, values: Values, first_line: int | None = None) -> str:
    """
    Render a template. `first_line`: its first line in the file, if errors must name the line.

    Raises CampaignError for a value that is empty or was not given, and for an empty result.
    """

    def wrong(error: Exception, problem: object) -> CampaignError:
        line = template_line(error) if first_line else None
        at = f"line {first_line + line - 1}: " if first_line and line else ""
        return CampaignError(f"{file}: {at}{field}: {problem}")

    try:
        text = template.render(values).strip()
    except Blank as blank:
        raise wrong(blank, blank) from None
    except UndefinedError as error:
        raise wrong(error, f"{error.message}; guard it with {{% if … %}}") from None
    except TypeError as error:
        raise wrong(error, f"{error}; guard it with {{% if … %}}") from None
    except (TemplateError, ValueError, ArithmeticError, LookupError) as error:
        reported = str(error) if type(error) is ValueError and ";" in str(error) else None
        raise wrong(error, reported or f"{type(error).__name__}; correct the expression") from None
    if not text:
        raise CampaignError(f"{file}: {field}: empty; write it")
    return text


def compile_template(
    file: str,
    field: str,
    text: str,
    line: int,
    *,
    known: Mapping[str, frozenset[str]],
    templates: Templates,
    in_markdown: bool = False,
) -> tuple[Template, nodes.Template]:
    """Compile a field; return its template and tree. `line`: its line in the file. Raises as `read_body`."""
    environment = templates.markdown if in_markdown else templates.plain
    try:
        tree = environment.parse(text)
    except TemplateSyntaxError as error:
        at, problem = unclosed_block(text) or (error.lineno, error.message)
        raise CampaignError(f"{file}: line {at + line - 1}: {problem}") from None
    for at, problem in _problems(tree, known, templates):
        raise CampaignError(f"{file}: line {at + line - 1}: {field}: {problem}")
    return environment.from_string(tree), tree


def read_body(
    file: str, source: str, *, known: Mapping[str, frozenset[str]], templates: Templates, segments: Collection[str] = ()
) -> Body:
    """
    Compile a body. `known`: the variables it may use, each with the fields that may follow a dot.

    Raises CampaignError for a missing field, a syntax error or an unknown name, in any branch.
    """
    match = _FRONT.match(source)
    if match is None:
        raise CampaignError(f"{file}: line 1: no heading; begin with ---, subject: …, preheader: …, ---")
    front = _front_matter(file, match["front"])
    first_line = match["front"].count("\n") + 4

    def compiled(field: str, text: str, line: int, *, in_markdown: bool = False) -> tuple[Template, nodes.Template]:
        return compile_template(file, field, text, line, known=known, templates=templates, in_markdown=in_markdown)

    subject, preheader = (compiled(field, *front[field])[0] for field in _FIELDS)
    try:
        markdown = _line_ends_kept(with_conditions(match["markdown"], segments))
    except BlockError as error:
        raise CampaignError(f"{file}: line {error.line + first_line - 1}: {error}") from None
    body, tree = compiled("the text", markdown, first_line, in_markdown=True)
    return Body(file, subject, preheader, body, first_line, not captures_output(tree))


def split_subject(source: str) -> tuple[str, str]:
    """Return a body's subject line and its other lines, unrendered, to show what changed between two versions."""
    match = _FRONT.match(source)
    lines = match["front"].split("\n") if match else []
    subject = next((line for line in lines if line.startswith("subject:")), "")
    return subject, source.replace(f"{subject}\n", "", 1)


def _line_ends_kept(source: str) -> str:
    """Close a tag at the end of a line of text with `+%}`, so that Jinja keeps the line break. Lines of tags vanish."""
    return "\n".join(
        line.removesuffix("%}") + "+%}" if line.endswith("%}") and _TAGS.sub("", line).strip() else line
        for line in map(str.rstrip, source.split("\n"))
    )


def _front_matter(file: str, text: str) -> dict[str, tuple[str, int]]:
    """Return each field with its line in the file."""
    fields: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.split("\n"), 2):
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or name not in _FIELDS or name in fields:
            there = " and ".join(_FIELDS)
            raise CampaignError(f"{file}: line {number}: {name}: not a field of the heading; it has {there}, once each")
        fields[name] = value, number
    for name in _FIELDS:
        if not fields.get(name, ("",))[0]:
            raise CampaignError(f"{file}: {name}: missing; write it between the two ---")
    return fields


def _problems(
    tree: nodes.Template, known: Mapping[str, frozenset[str]], templates: Templates
) -> Iterator[tuple[int, str]]:
    lines = {name.name: name.lineno for name in reversed([*tree.find_all(nodes.Name)])}
    for name in sorted(meta.find_undeclared_variables(tree) - set(known)):
        yield lines.get(name, 1), f"unknown variable {name!r}; {suggestion(name, sorted(known))}"
    for access in tree.find_all(nodes.Getattr):
        if isinstance(access.node, nodes.Name) and access.node.name in known:
            fields = known[access.node.name]
            if access.attr not in fields:
                there = suggestion(access.attr, sorted(fields), nothing="no fields")
                yield access.lineno, f"unknown variable '{access.node.name}.{access.attr}'; {there}"
    yield from templates.problems(tree)


_BLOCK_START = re.compile(r":::\s*(?P<names>\w+(?:\s*,\s*\w+)*)\s*")
_BLOCK_END = ":::"


class BlockError(ValueError):
    """An error in a segment block. `line`: its line in the text, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def with_conditions(markdown: str, segments: Collection[str]) -> str:
    """
    Turn segment blocks into conditions of the template, line for line. A block is a part for some segments only:

        ::: CRITICAL, URGENT
        You have {{ red|counted("red system") }}.
        :::

    Raises BlockError.
    """
    lines = markdown.split("\n")
    opened: int | None = None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text.startswith(_BLOCK_END):
            continue
        if text == _BLOCK_END and opened is not None:
            lines[number - 1], opened = "{% endif %}", None
        elif (match := _BLOCK_START.fullmatch(text)) and opened is None:
            names = [_known(number, name.strip(), segments) for name in match["names"].split(",")]
            lines[number - 1], opened = f"{{% if segment in {names} %}}", number
        else:
            raise BlockError(number, "not a segment block; open one with ::: SEGMENT and close it with :::")
    if opened is not None:
        raise BlockError(opened, "this segment block is never closed; add a line of :::")
    return "\n".join(lines)


def _known(line: int, name: str, segments: Collection[str]) -> str:
    if name not in segments:
        raise BlockError(line, f"unknown segment {name!r}; {suggestion(name, segments)}")
    return name
