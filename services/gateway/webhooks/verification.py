"""
Who may speak: Standard Webhooks signatures (standardwebhooks.com, v1: HMAC-SHA256), checked on our own clock, and
Cal.com's own.

The `standardwebhooks` package makes and checks the same signatures, but reads the machine's clock and raises five kinds
of exception at garbage; the tests hold this file against it.
"""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Iterable
from dataclasses import dataclass

from multidict import CIMultiDictProxy

from services.gateway.problem import Problem

TOLERANCE_S = 300
ID_CHARACTERS_MAX = 256
CALCOM_HEADER = "X-Cal-Signature-256"

Headers = CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class Signatures:
    """
    The keys of one sender, newest first while rotating, under its header names (`webhook-…`, `svix-…`).

    With no key nothing verifies, unless `allow_unsigned`.
    """

    keys: tuple[bytes, ...]
    prefix: str = "webhook"
    allow_unsigned: bool = False

    @classmethod
    def of(cls, secrets: Iterable[str], *, prefix: str = "webhook", allow_unsigned: bool) -> Signatures:
        """From secrets as the settings hold them: `whsec_` and base64, checked when they were read."""
        keys = tuple(base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in secrets)
        return cls(keys, prefix, allow_unsigned)

    def verify(self, headers: Headers, body: bytes, *, now_ms: int) -> str | None:
        """
        The message id of a request that is signed as it should be; None when it is unsigned and may be so.

        Raises Problem 401 for everything else, whatever the headers hold.
        """
        message_id = headers.get(f"{self.prefix}-id", "")
        if not self.keys and self.allow_unsigned and not message_id:
            return None
        if not 0 < len(message_id) <= ID_CHARACTERS_MAX or not message_id.isascii():
            raise unsigned(f"{self.prefix}-id is missing, not ASCII or longer than {ID_CHARACTERS_MAX} characters")
        if not self.keys and self.allow_unsigned:
            return message_id
        seconds = _seconds(headers.get(f"{self.prefix}-timestamp", ""))
        if seconds is None or abs(now_ms / 1000 - seconds) > TOLERANCE_S:
            raise unsigned(f"{self.prefix}-timestamp is missing, or not within {TOLERANCE_S // 60} minutes of now")
        content = b"%b.%d.%b" % (raw(message_id), seconds, body)
        if not self._signed(content, headers.get(f"{self.prefix}-signature", "")):
            raise unsigned(f"{self.prefix}-signature is missing or does not fit the body")
        return message_id

    def _signed(self, content: bytes, header: str) -> bool:
        given = [raw(part[3:]) for part in header.split(" ") if part.startswith("v1,")]
        good = False
        for key in self.keys if given else ():
            expected = base64.b64encode(hmac.digest(key, content, "sha256"))
            for signature in given:
                good |= hmac.compare_digest(signature, expected)
        return good


@dataclass(frozen=True, slots=True)
class CalcomSignatures:
    """
    Cal.com's secrets, newest first while rotating. With none nothing verifies, unless `allow_unsigned`.

    The signature is the bare hex HMAC-SHA256 of the raw body; it names neither an instant nor an id (packages/features/
    webhooks/lib/sendPayload.ts), so that a copy is good for ever, and harmless only because it changes nothing.
    """

    keys: tuple[bytes, ...]
    allow_unsigned: bool = False

    @classmethod
    def of(cls, secrets: Iterable[str], *, allow_unsigned: bool) -> CalcomSignatures:
        return cls(tuple(secret.encode() for secret in secrets if secret), allow_unsigned)

    def verify(self, headers: Headers, body: bytes) -> None:
        """Raises Problem 401, whatever the headers hold; `no-secret-provided`, which Cal.com sends without one, too."""
        if not self.keys and self.allow_unsigned:
            return
        given, good = raw(headers.get(CALCOM_HEADER, "")), False
        for key in self.keys:
            good |= hmac.compare_digest(given, hmac.digest(key, body, "sha256").hex().encode())
        if not good:
            raise unsigned(f"{CALCOM_HEADER} is missing or does not fit the body")


def unsigned(detail: str) -> Problem:
    return Problem(401, detail, outcome="unsigned")


def _seconds(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return math.floor(number) if math.isfinite(number) else None


def raw(text: str) -> bytes:
    """The bytes of a header as they were sent."""
    # aiohttp reads header bytes as UTF-8 and keeps the rest as surrogates; this gives the bytes back.
    return text.encode("utf-8", "surrogateescape")
