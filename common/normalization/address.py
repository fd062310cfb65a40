"""E-mail addresses as people and forms write them, repaired where that is safe."""

from __future__ import annotations

import re

import idna

from common.normalization.text import without_invisible

CHARACTERS_MAX = 200
"""Notion's limit for an e-mail property; RFC 5321 would allow 254."""

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")


class AddressError(ValueError):
    """The text is not a usable address. The message is written for its sender."""


def repaired_address(text: str) -> str:
    """
    Return the repaired address: `" ADA@Müller.example\\ufeff"` → `ada@xn--mller-kva.example`.

    Invisible characters and inner no-break spaces are removed, the domain is converted to ASCII (UTS 46), and all is
    lower-cased. Raises AddressError.
    """
    local, at, domain = without_invisible(text).rpartition("@")
    if not at:
        raise AddressError("must be an e-mail address such as ada@example.com")
    if not local.isascii():
        raise AddressError("must have a local part (before the @) in ASCII: providers do not deliver to others")
    # Lower-cased only now, because the lower case of some non-ASCII characters is in ASCII.
    address = f"{local.lower()}@{_ascii_domain(domain)}"
    if len(address) > CHARACTERS_MAX:
        raise AddressError(f"must have at most {CHARACTERS_MAX} characters")
    if _ADDRESS.fullmatch(address) is None:
        raise AddressError("must be an e-mail address such as ada@example.com")
    return address


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise AddressError("must have a domain that exists, such as example.com") from None
