"""Text from outside: removes invisible characters, and detects free text that must not be shown in a mail or title."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

NAME_CHARACTERS_MAX = 40
NAME_WORDS_MAX = 5

_DOTS = {0x3002: ".", 0x00B7: ".", 0x2024: "."}
"""Characters that are read as the dot of a domain (UTS 46) or look like one."""

_SPACES = re.compile(r"\s+")

_PLACEHOLDERS = frozenset(
    [
        "null",
        "undefined",
        "none",
        "n/a",
        "unknown",
        "nameless",
        "noname",
        "anonymous",
        "name",
        "firstname",
        "fname",
        "yourname",
        "businessname",
        "companyname",
        "company",
        "business",
        "string",
        "object",
    ]
)
"""What forms send for an empty field. *Nan*, *Nil* and *Na* are not here, because people have these names."""
_EMPTY_WORDS = frozenset(["person", "user", "customer", "guest", "first", "last", "your"])
"""Words that mean nothing next to a placeholder, as in *Nameless Person*, but may be a name on their own."""
_WORD = re.compile(r"[^\W_]+(?:/[^\W_]+)*")
_MERGE_FIELD = re.compile(r"\{\{|\}\}|\{%|%\}|[$#]\{|<%|%%|\*\||\|\*|^[\[<{%].*[\]>}%]$|\[object ")
"""The syntax of template languages, and a text that is completely in brackets, such as `[First Name]`."""

_LINK = re.compile(r"[a-z][a-z0-9+.-]*://|\bwww\.|\bmailto:|\]\(|<\s*/?\s*[a-z!]", re.IGNORECASE)
_DOMAIN = re.compile(r"[^\W_][\w-]*\.(?:[^\W\d_]{2,}|xn--[\w-]+)")
_SPACED_DOMAIN = re.compile(
    r"[^\W_][\w-]+\s*(?:\[\.\]|\(\.\)|\s\.|\.\s|\s*\(?\[?\bdot\b\]?\)?)\s*"
    r"(?:com|net|org|info|biz|io|co|ca|ru|cn|xyz|top|click|shop|link|site)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\S@\S|\s(?:\(at\)|\[at\])\s", re.IGNORECASE)
_PHONE = re.compile(r"(?:\d[\W_]*){7,}")


def visible(text: str) -> str:
    """
    Return the text as one line without invisible characters.

    These are zero-width characters, soft hyphens, byte order marks, bidirectional marks and single surrogates. White
    space of any kind (no-break, line break, tab) and control characters become one space; the ends are trimmed.
    """
    return _SPACES.sub(" ", "".join(map(_shown, text))).strip()


def without_invisible(text: str) -> str:
    """
    Return the text without invisible characters and no-break spaces; for texts such as an e-mail address.

    Ordinary white space inside stays: two words are not an address, and must not become one.
    """
    return "".join(_shown(one) if one.isspace() and one in " \t\r\n" else _shown(one).strip() for one in text).strip()


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else character


@lru_cache(maxsize=4096)
def reason_unusable(text: str) -> str | None:
    """
    Return why this free text must not be shown to a recipient, or None when it may be.

    Links, domains, e-mail addresses and phone numbers would make our mail carry a stranger's message; placeholders are
    what a form sends when nothing was filled in. Cached, because each mail to a contact checks the same texts again.
    """
    plain = unicodedata.normalize("NFKC", visible(text)).translate(_DOTS)
    if _LINK.search(plain):
        return "a link"
    if not any(character.isalnum() for character in plain) or _is_placeholder(plain):
        return "a placeholder"
    if _ADDRESS.search(plain):
        return "an e-mail address"
    if _DOMAIN.search(plain) or _SPACED_DOMAIN.search(plain):
        return "a domain"
    if _PHONE.search(plain):
        return "a phone number"
    return None


def reason_name_unusable(text: str) -> str | None:
    """Like `reason_unusable`, for a first name. Also refuses a text that is too long for a name, or has no letter."""
    if reason := reason_unusable(text):
        return reason
    plain = visible(text)
    if not any(character.isalpha() for character in plain):
        return "a placeholder"
    if len(plain) > NAME_CHARACTERS_MAX:
        return f"more than {NAME_CHARACTERS_MAX} characters"
    if len(plain.split()) > NAME_WORDS_MAX:
        return f"more than {NAME_WORDS_MAX} words"
    return None


def if_usable(text: str | None) -> str | None:
    """Return `text`, or None when it must not be shown to a recipient."""
    return None if text is None or reason_unusable(text) else text


def name_if_usable(text: str | None) -> str | None:
    """Return a first name, or None when it must not be shown to a recipient."""
    return None if text is None or reason_name_unusable(text) else text


def _is_placeholder(plain: str) -> bool:
    """Return whether the text is a placeholder, in any quotes or brackets. Of several words, none may mean anything."""
    if _MERGE_FIELD.search(plain) is not None:
        return True
    found = _WORD.findall(plain)
    letters, words = "".join(found), {word.casefold() for word in found}
    if letters == "NaN" or letters.casefold() in _PLACEHOLDERS:
        return True
    return not words.isdisjoint(_PLACEHOLDERS) and words <= _PLACEHOLDERS | _EMPTY_WORDS
