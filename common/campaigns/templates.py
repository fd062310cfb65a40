"""The Jinja templates of bodies in one language, in two forms: plain text for a subject, and Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from common.campaigns import wording
from common.campaigns.language import Language
from common.campaigns.placeholders import Placeholders
from common.campaigns.weeks import WeekAhead

PLACEHOLDERS = "placeholders"
"""The context variable with the placeholders. Bodies cannot use it, because it is not among the known variables."""


class Blank(Exception):
    """A value that would leave a blank."""


class Absent:
    """A value that was not given. It is false in a condition, and an error where it would be printed."""

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
        """The expression as the author of the body wrote it, such as `second.name`."""
        return self._path


class Choice(str):
    """One of a fixed set of words, for use in conditions. It is never printed."""


class Templates:
    """The template environments of one language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.plain = self._environment(self.in_words, autoescape=False)
        self.markdown = self._environment(self._in_markdown(), autoescape=True)

    def problems(self, tree: nodes.Template) -> Iterator[tuple[int, str]]:
        """Yield the line and the problem of each use of a filter that would fail for some value."""
        for node in tree.find_all(nodes.Filter):
            forms = {keyword.key for keyword in node.kwargs}
            missing = sorted(self._language.plural_forms - forms)
            if node.name == "counted" and missing and not (node.args and self._language.locale.language == "en"):
                yield node.lineno, f"counted: no form for {', '.join(missing)}; name each: counted(one=…, other=…)"

    def in_words(self, value: object) -> str:
        """Return the text that is printed for a value. Raises Blank."""
        if isinstance(value, Absent):
            variable = str(value).partition(".")[0]
            raise Blank(f"'{value}' was not given; guard it with {{% if {variable} %}}")
        if isinstance(value, bool):
            raise Blank("a boolean cannot be printed; use it in {% if … %}")
        if isinstance(value, int | float):
            return self._language.number(value)
        if isinstance(value, Choice):
            raise Blank("a choice cannot be printed; use it in {% if … == … %}")
        if not isinstance(value, str):
            raise Blank(f"a {type(value).__name__} cannot be printed; name one of its fields")
        text = wording.clean(value)
        if not text:
            raise Blank("a value is empty; guard it with {% if … %}")
        return self._language.isolated(text)

    def _in_markdown(self) -> Callable[[Context, object], Markup]:
        @pass_context
        def in_markdown(context: Context, value: object) -> Markup:
            if isinstance(value, Markup):
                return value  # A component, or a value that has already passed through here.
            text = self.in_words(value)
            placeholders: Placeholders | None = context[PLACEHOLDERS]
            # To Jinja, Markup means "already in the language of this template", here Markdown.
            return Markup(placeholders.in_markdown(text) if placeholders else wording.literal(text))

        return in_markdown

    def _environment(self, finalize: Callable[..., Any], *, autoescape: bool) -> ImmutableSandboxedEnvironment:
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, autoescape=autoescape, finalize=finalize, trim_blocks=True, lstrip_blocks=True
        )
        filters: dict[str, Callable[..., Any]] = {
            "money": self._language.money,
            "number": self._language.number,
            "counted": self._language.counted,
            "shortened": wording.shortened,
            "date": self._date,
        }
        environment.filters.update({name: partial(self._reported, filter_) for name, filter_ in filters.items()})
        return environment

    def _date(self, week: object, weeks: int = 0) -> str:
        if not isinstance(week, WeekAhead):
            raise Blank("date: needs a week from [weeks] in campaign.toml")
        return self._language.short_date(week.after(weeks))

    def _reported(self, filter_: Callable[..., str], value: object, *arguments: object, **named: object) -> str:
        if isinstance(value, Absent):
            self.in_words(value)
        return filter_(value, *arguments, **named)


def template_line(error: BaseException) -> int | None:
    """Return the line of the template, counted from 1, in which a rendering error occurred; None if unknown."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


_TAG = re.compile(r"\{%-?\s*(if|for|endif|endfor)\b")


def unclosed_block(text: str) -> tuple[int, str] | None:
    """Return line and problem of an `if` or `for` without an end, or of an end without a beginning; None if none."""
    begun: list[tuple[int, str]] = []
    for tag in _TAG.finditer(text):
        line, word = text.count("\n", 0, tag.start()) + 1, tag[1]
        if not word.startswith("end"):
            begun.append((line, word))
        elif begun and begun[-1][1] == word.removeprefix("end"):
            begun.pop()
        else:
            return line, f"{{% {word} %}} closes nothing; remove it"
    if not begun:
        return None
    line, word = begun[-1]
    return line, f"{{% {word} … %}} is never closed; write {{% end{word} %}} where it ends"
