"""
One e-mail as it is written: a Markdown file with its subject and preheader above it.

    ---
    subject: Your results, {{ first_name }}
    preheader: Where December will pull, and where it will hold.
    ---
    Hi {{ first_name }}, …

Jinja fills in the values. Each passes `_in_words`: a value that is empty or was not given is an error, never a blank.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import (
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    UndefinedError,
    meta,
    nodes,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from common.campaigns import wording
from common.campaigns.errors import CampaignError
from common.campaigns.files import read_text
from common.campaigns.placeholders import Placeholders, captures_output

_FRONT = re.compile(r"\A---\n(?P<front>.*?)\n---\n(?P<markdown>.*)\Z", re.DOTALL)
_FIELDS = ("subject", "preheader")
_TAGS = re.compile(r"{%.*?%}")

Values = Mapping[str, object]

_PLACEHOLDERS = "placeholders"
"""No body can name it: it is no variable that a body may use."""


class Absent:
    """Something the person did not tell: false in a condition, an error where it would be printed."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __getattr__(self, field: str) -> Absent:
        if field.startswith("_"):
            raise AttributeError(field)
        return Absent(f"{self._path}.{field}")

    def __str__(self) -> str:
        """`second.name`, as the author of a body wrote it."""
        return self._path


@dataclass(frozen=True, slots=True)
class Body:
    """`takes_placeholders`: it uses no value after printing it."""

    file: Path
    subject: Template
    preheader: Template
    markdown: Template
    takes_placeholders: bool

    def subject_for(self, values: Values) -> str:
        """Plain text. Raises CampaignError for a value that is empty or was not given."""
        return self._filled("subject", self.subject, values)

    def preheader_for(self, values: Values) -> str:
        """Plain text. Raises as `subject_for`."""
        return self._filled("preheader", self.preheader, values)

    def markdown_for(self, values: Values, placeholders: Placeholders | None = None) -> str:
        """Markdown in which every value is literal, or a new one of `placeholders`. Raises as `subject_for`."""
        return self._filled("the text", self.markdown, {**values, _PLACEHOLDERS: placeholders})

    def _filled(self, field: str, template: Template, values: Values) -> str:
        try:
            text = template.render(values).strip()
        except _Blank as blank:
            raise CampaignError(f"{self.file}: {field}: {blank}") from None
        except UndefinedError as error:
            raise CampaignError(f"{self.file}: {field}: {error.message}; guard it with {{% if … %}}") from None
        except TypeError as error:
            raise CampaignError(f"{self.file}: {field}: {error}; guard it with {{% if … %}}") from None
        except (TemplateError, ValueError, ArithmeticError, LookupError) as error:
            raise CampaignError(f"{self.file}: {field}: {type(error).__name__}; correct the expression") from None
        if not text:
            raise CampaignError(f"{self.file}: {field}: empty; write it")
        return text


def read_body(file: Path, *, known: Mapping[str, frozenset[str]]) -> Body:
    """
    Read and compile a body. `known`: the variables it may use, each with the fields that may follow a dot.

    Raises CampaignError for a missing field, a syntax error or a name that is not known, in any branch.
    """
    match = _FRONT.match(read_text(file).replace("\r\n", "\n"))
    if match is None:
        raise CampaignError(f"{file}: no heading; begin with ---, subject: …, preheader: …, ---")
    front = _front_matter(file, match["front"])
    first_line = match["front"].count("\n") + 3

    def compiled(field: str, source: str, environment: ImmutableSandboxedEnvironment, line: int = 1) -> Template:
        try:
            tree = environment.parse(source)
            for problem in _unknown_names(tree, known):
                raise CampaignError(f"{file}: {field}: {problem}")
            return environment.from_string(tree)
        except TemplateSyntaxError as error:
            raise CampaignError(f"{file}: line {error.lineno + line - 1}: {error.message}") from None

    markdown = _line_ends_kept(match["markdown"])
    return Body(
        file=file,
        subject=compiled("subject", front["subject"], _PLAIN, 2),
        preheader=compiled("preheader", front["preheader"], _PLAIN, 2),
        markdown=compiled("the text", markdown, _MARKDOWN, first_line),
        takes_placeholders=not captures_output(_MARKDOWN.parse(markdown)),
    )


def _line_ends_kept(source: str) -> str:
    """A line of nothing but tags vanishes with its end; a line of text that closes with a tag keeps it, by `+%}`."""
    return "\n".join(
        line.removesuffix("%}") + "+%}" if line.endswith("%}") and _TAGS.sub("", line).strip() else line
        for line in map(str.rstrip, source.split("\n"))
    )


def _front_matter(file: Path, text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in filter(str.strip, text.split("\n")):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or name not in _FIELDS or name in fields:
            raise CampaignError(
                f"{file}: {name}: not a field of the heading; it has {' and '.join(_FIELDS)}, once each"
            )
        fields[name] = value
    for name in _FIELDS:
        if not fields.get(name):
            raise CampaignError(f"{file}: {name}: missing; write it between the two ---")
    return fields


def _unknown_names(tree: nodes.Template, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    for name in sorted(meta.find_undeclared_variables(tree) - set(known)):
        yield f"unknown variable {name!r}; {_advice(name, known)}"
    for access in tree.find_all(nodes.Getattr):
        if isinstance(access.node, nodes.Name) and access.node.name in known:
            fields = known[access.node.name]
            if access.attr not in fields:
                yield f"unknown variable '{access.node.name}.{access.attr}'; {_advice(access.attr, fields)}"


def _advice(name: str, known: Mapping[str, object] | frozenset[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known)) or 'no fields'}"


class _Blank(Exception):
    """A value that would leave a blank."""


@pass_context
def _in_markdown(context: Context, value: object) -> Markup:
    if isinstance(value, Markup):
        return value  # A component, or what Jinja has already put through here.
    text = _in_words(value)
    placeholders: Placeholders | None = context[_PLACEHOLDERS]
    # To Jinja, Markup means "already in the language of this template", here Markdown.
    return Markup(placeholders.in_markdown(text) if placeholders else wording.literal(text))


def _in_words(value: object) -> str:
    if isinstance(value, Absent):
        variable = str(value).partition(".")[0]
        raise _Blank(f"'{value}' was not told; guard it with {{% if {variable} %}}")
    if isinstance(value, bool):
        raise _Blank("a yes or no is not a text; use {% if … %}")
    if isinstance(value, int | float):
        return wording.number(value)
    if not isinstance(value, str):
        raise _Blank(f"a {type(value).__name__} cannot be printed; name one of its fields")
    text = wording.clean(value)
    if not text:
        raise _Blank("a value is empty; guard it with {% if … %}")
    return text


def _told(filter_: Callable[..., str]) -> Callable[..., str]:
    def checked(value: object, *arguments: object) -> str:
        if isinstance(value, Absent):
            _in_words(value)
        return filter_(value, *arguments)

    return checked


def _environment(*, in_markdown: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=in_markdown,
        finalize=_in_markdown if in_markdown else _in_words,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "money": wording.money,
        "number": wording.number,
        "counted": wording.counted,
        "shortened": wording.shortened,
    }
    environment.filters.update({name: _told(filter_) for name, filter_ in filters.items()})
    return environment


_PLAIN = _environment(in_markdown=False)
_MARKDOWN = _environment(in_markdown=True)
