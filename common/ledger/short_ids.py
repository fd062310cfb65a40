"""
Ids of the providers in fewer letters: every person has two of Notion's, and one of Resend's for each mail.

`~` and 22 letters stand for a UUID, `~` and 11 for a digest of 16 hexadecimal digits: the same bytes, in base64 as URLs
have it. Whatever is neither stays as it is, but for one more `~` before its own. A person reads one with

    printf %s 'MdX9eHFEUJqNhfIdPH0_UQ==' | basenc --base64url -d | xxd -p
"""

from __future__ import annotations

import binascii
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{16}")
_SHORT = re.compile(r"~(?:[\w-]{22}|[\w-]{11})", re.ASCII)


def shortened(text: str) -> str:
    """The short form of a UUID or a digest; any other text as good as unchanged."""
    if _UUID.fullmatch(text) or _DIGEST.fullmatch(text):
        return "~" + urlsafe_b64encode(binascii.unhexlify(text.replace("-", ""))).decode().rstrip("=")
    return f"~{text}" if text.startswith("~") else text


def lengthened(text: str) -> str:
    """What `shortened` was given."""
    if not _SHORT.fullmatch(text):
        return text.removeprefix("~") if text.startswith("~~") else text
    raw = urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else raw.hex()
