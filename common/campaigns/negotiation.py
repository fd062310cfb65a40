"""Which of a campaign's languages somebody reads, from the language tag that a browser or a calendar sent."""

from __future__ import annotations

from collections.abc import Sequence

from babel.core import get_global

from common.normalization.locale import read_locale


def negotiated(locale: object, languages: Sequence[str]) -> str:
    """The one of `languages` that `locale` names; without a usable one the first, which is the default."""
    return named(locale, languages) or languages[0]


def named(locale: object, languages: Sequence[str]) -> str | None:
    """
    The one of `languages`, of which the first is the default, that `locale` names; None: it names none of them.

    `fr-CA` for `fr-CA`, `fr`, `fr-FR` and `FR_ca`: the same language of the region that was asked for, else of the
    default's region, else any. A language in another script, such as `zh-TW` for `zh-Hans`, is not the same one.
    Babel's own negotiation does not match `fr-FR` to `fr-CA`.
    """
    tag = read_locale(locale)
    if tag is None or tag in languages:
        return tag
    alike = [known for known in languages if _spoken(known) == _spoken(tag)]
    regions = (_region(tag), _region(languages[0]))
    near = [known for region in regions for known in alike if region and _region(known) == region]
    return next(iter((*near, *alike)), None)


def _spoken(tag: str) -> tuple[str, str]:
    """Language and script; the script is the usual one of the language, or of the language in that region."""
    language, *subtags = tag.split("-")
    script = next((part for part in subtags if len(part) == 4 and part.isalpha()), None)
    likely = get_global("likely_subtags")
    full = likely.get(f"{language}_{_region(tag)}") or likely.get(language) or ""
    return language, script or next((part for part in full.split("_") if len(part) == 4), "")


def _region(tag: str) -> str | None:
    return next((part for part in tag.split("-")[1:] if len(part) == 2 or part.isdigit()), None)
