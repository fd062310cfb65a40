"""Languages, time zones and timestamps as browsers, operating systems, forms and providers write them."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache

from babel.core import get_global

from common.normalization.text import visible

_TAG = re.compile(r"(?P<language>[a-z]{2,3})(?:-[a-z0-9]{2,8}){0,4}", re.IGNORECASE)
_PLAIN = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?")
_NOTHING = frozenset({"c", "posix", "undefined", "null", "none", "nan", "und", "mul", "zxx"})
CHARACTERS_MAX = 200
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def read_locale(value: object) -> str | None:
    """
    Return the first usable language tag of a browser's list: `fr-CA,fr;q=0.9` → `fr-CA`, `en_US.UTF-8` → `en-US`.

    A list is ordered by weight, and by position where weights are equal. A JSON array of tags is read as such a list.
    None when nothing in it names a language: `*`, `C`, `undefined`.
    """
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value  # Nearly all values have this form.
    if isinstance(value, list):
        value = ",".join(part for part in value if isinstance(part, str))
    if not isinstance(value, str):
        return None
    weighted = [_weighted(part) for part in visible(value)[:CHARACTERS_MAX].split(",")]
    ordered = sorted((pair for pair in weighted if pair[0] > 0), key=lambda pair: -pair[0])
    return next((tag for _, text in ordered if (tag := _tag(text)) is not None), None)


def _weighted(part: str) -> tuple[float, str]:
    tag, _, parameters = part.partition(";")
    name, _, weight = parameters.strip().partition("=")
    try:
        return (float(weight), tag) if name.strip() == "q" else (1.0, tag)
    except ValueError:
        return 1.0, tag


def _tag(text: str) -> str | None:
    plain = re.split(r"[.@]", text.strip())[0].replace("_", "-")
    if _TAG.fullmatch(plain) is None or plain.casefold() in _NOTHING:
        return None
    language, *rest = plain.split("-")
    return "-".join([language.lower(), *(_subtag(one) for one in rest)])


def _subtag(text: str) -> str:
    """Return a region in upper case, a script capitalized, anything else in lower case (RFC 5646 §2.1.1)."""
    if len(text) == 2:
        return text.upper()
    return text.capitalize() if len(text) == 4 and text.isalpha() else text.lower()


def read_timestamp_ms(value: object) -> int | None:
    """Return UTC milliseconds for `2026-12-04T19:00:00Z`, `…+00:00` or `….000Z`. A time without an offset is UTC."""
    text = visible(value) if isinstance(value, str) and len(value) <= CHARACTERS_MAX else ""
    if not 16 <= len(text) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        is_plausible = _EARLIEST <= moment < _LATEST
    except (ValueError, OverflowError):
        return None
    return round(moment.timestamp() * 1000) if is_plausible else None


def read_timezone(value: object) -> str | None:
    """
    Return the IANA name of a time zone, or None when the value names none.

    Accepts IANA names in any case, backward links included, and Windows names (CLDR `windowsZones`).
    """
    return _zone_by_name().get(visible(value).casefold()) if isinstance(value, str) else None


def zone_names() -> frozenset[str]:
    """Return every IANA name that `read_timezone` can return."""
    return frozenset(_zone_by_name().values())


@cache
def _zone_by_name() -> dict[str, str]:
    """Return case-folded name → IANA name. The first call reads the disk: make it before the first request."""
    # `localtime` is the setting of this machine, not an IANA zone: on another machine it is another hour.
    iana = zoneinfo.available_timezones() - {"localtime", "Factory"}
    windows = {name: zone for name, zone in get_global("windows_zone_mapping").items() if zone in iana}
    return {name.casefold(): zone for name, zone in windows.items()} | {name.casefold(): name for name in iana}


def language_or_default(locale: object, languages: Sequence[str]) -> str:
    """Return the one of `languages` that `locale` names, or the first, which is the default, if it names none."""
    return matching_language(locale, languages) or languages[0]


def matching_language(locale: object, languages: Sequence[str]) -> str | None:
    """
    Return the one of `languages` that `locale` names, or None if it names none. The first one is the default.

    `fr-CA` is returned for `fr-CA`, `fr`, `fr-FR` and `FR_ca`: the same language in the requested region, else in the
    default's region, else in any. A language in another script, such as `zh-TW` for `zh-Hans`, is not the same one.
    Babel's own negotiation does not match `fr-FR` to `fr-CA`.
    """
    tag = read_locale(locale)
    return tag if tag is None or tag in languages else _nearest(tag, tuple(languages))


@lru_cache(maxsize=256)
def _nearest(tag: str, languages: tuple[str, ...]) -> str | None:
    alike = [known for known in languages if _spoken(known) == _spoken(tag)]
    regions = (_region(tag), _region(languages[0]))
    near = [known for region in regions for known in alike if region and _region(known) == region]
    return next(iter((*near, *alike)), None)


def _spoken(tag: str) -> tuple[str, str]:
    """Return language and script. An unnamed script is the usual one of the language in that region, or anywhere."""
    language, *subtags = tag.split("-")
    script = next((part for part in subtags if len(part) == 4 and part.isalpha()), None)
    likely = get_global("likely_subtags")
    full = likely.get(f"{language}_{_region(tag)}") or likely.get(language) or ""
    return language, script or next((part for part in full.split("_") if len(part) == 4), "")


def _region(tag: str) -> str | None:
    return next((part for part in tag.split("-")[1:] if len(part) == 2 or part.isdigit()), None)
