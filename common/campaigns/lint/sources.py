"""The lint of unrendered texts, by file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import asdict

from common.campaigns.compiled import CompiledCampaign, Texts
from common.campaigns.lint.finding import Finding
from common.campaigns.lint.words import COMMON, RELATIVE_DAYS, SPAM

_TAGS = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}|\]\([^)]*\)")
_WORDS = re.compile(r"[^\W\d_]+")
_FOREIGN_MERGE = re.compile(r"%%\w+%%|\*\|\w+\|\*|<<\w+>>|\[(?:FIRST|LAST|FULL|F|L)_?NAME\]|(?<![{%\w]){\w+}(?!})")
"""Merge fields of other programs, which Advent would print unchanged."""
_SHOUTING = re.compile(r"!{2,}|\?{2,}|^\s*(?:re|fwd?|tr)\s*:", re.IGNORECASE)
_ENOUGH_WORDS = 6


def source_findings(campaign: CompiledCampaign) -> Iterator[Finding]:
    """Yield the findings in every body in every language, and in the advice on systems."""
    for tag, texts in campaign.languages.items():
        home = f"{campaign.key}/{tag}"
        for file, text in texts.bodies.items():
            for number, line in enumerate(text.split("\n"), 1):
                yield from _of_line(f"{home}/{file}: line {number}", line, tag, subject=line.startswith("subject:"))
        for key, advice in texts.systems.items():
            for name, value in asdict(advice).items():
                if isinstance(value, str):
                    yield from _of_line(f"{home}/systems.toml: {key}.{name}", value.replace("{name}", ""), tag)
        yield from _untranslated(campaign.languages, tag, texts, home)


def _of_line(where: str, line: str, tag: str, *, subject: bool = False) -> Iterator[Finding]:
    if found := _FOREIGN_MERGE.search(line):
        problem = f"{found[0]} would be printed unchanged; write it in Advent's form, such as {{{{ first_name }}}}"
        yield Finding(where=where, rule="field", problem=problem, is_error=True)
    text = _TAGS.sub(" ", line)
    language = _base_language(tag)
    if day := _found(RELATIVE_DAYS, language, text):
        problem = f"{day!r} may be wrong on the day when the mail is read; name the day, or remove it"
        yield Finding(where=where, rule="relative-day", problem=problem)
    if phrase := _found(SPAM, language, text):
        yield Finding(where=where, rule="spam", problem=f"{phrase!r} is known to spam filters; use other words")
    if subject and (shout := _SHOUTING.search(text.removeprefix("subject:"))):
        problem = f"{shout[0].strip()!r} makes the subject look like spam; remove it"
        yield Finding(where=where, rule="spam", problem=problem)


def _found(patterns: Mapping[str, re.Pattern[str]], language: str, text: str) -> str | None:
    match = patterns[language].search(text) if language in patterns else None
    return match[0] if match else None


def _untranslated(languages: Mapping[str, Texts], tag: str, texts: Texts, home: str) -> Iterator[Finding]:
    """Yield a finding for each paragraph in another language than its file's, or the same as in another language's."""
    own, bases = _base_language(tag), {_base_language(name) for name in languages}
    others = {name: other for name, other in languages.items() if _base_language(name) != own}
    for file, text in texts.bodies.items():
        elsewhere = {line: name for name, other in others.items() for line in _paragraphs(other.bodies[file]).values()}
        for number, paragraph in _paragraphs(text).items():
            if _language_of(paragraph, bases) not in (None, own):
                problem = "this paragraph is not in the language of its file; translate it"
            elif paragraph in elsewhere:
                problem = f"the same paragraph is in {elsewhere[paragraph]}; translate one of the two"
            else:
                continue
            yield Finding(where=f"{home}/{file}: line {number}", rule="language", problem=problem, is_error=True)


def _base_language(tag: str) -> str:
    """Return `en` for `en-CA`."""
    return tag.partition("-")[0]


def _paragraphs(text: str) -> dict[int, str]:
    """Return, by line number, each line that has enough words to recognize its language."""
    plain = {number: _TAGS.sub(" ", line).strip() for number, line in enumerate(text.split("\n"), 1)}
    return {number: line for number, line in plain.items() if len(_WORDS.findall(line)) >= _ENOUGH_WORDS}


def _language_of(paragraph: str, languages: Set[str]) -> str | None:
    """
    Return the language that has at least three common words in the paragraph, and twice as many as any other.

    Returns None if there is none, or if the common words of one of the `languages` are not known.
    """
    words = _WORDS.findall(paragraph.casefold())
    counts = {name: sum(word in common for word in words) for name, common in COMMON.items() if name in languages}
    ranked = sorted(((count, name) for name, count in counts.items()), reverse=True)
    (most, name), (second, _) = [*ranked, (0, ""), (0, "")][:2]
    return name if most >= 3 and most >= 2 * second and languages <= set(COMMON) else None
