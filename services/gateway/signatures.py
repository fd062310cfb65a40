"""
Verifies webhook signatures: Standard Webhooks (standardwebhooks.com, v1: HMAC-SHA256), and the schemes of Cal.com and
Twilio.

The `standardwebhooks` package makes and checks the same signatures, but reads the machine's clock and raises five kinds
of exception on malformed input; the tests compare this module with it.
"""

from __future__ import annotations

import base64
import hmac
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from multidict import CIMultiDictProxy

from services.web.problem import Problem

TOLERANCE_S = 300
ID_CHARACTERS_MAX = 256
CALCOM_HEADER = "X-Cal-Signature-256"
TWILIO_HEADER = "X-Twilio-Signature"

Headers = CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class StandardSignatures:
    """
    The keys of one sender, newest first during a rotation.

    `prefixes`: the prefixes of its header names (`webhook-…`, `svix-…`: the same scheme). Without any of these headers,
    the error message names the first prefix.

    Without keys every request is refused, unless `allow_unsigned`.
    """

    keys: tuple[bytes, ...]
    prefixes: tuple[str, ...] = ("webhook",)
    allow_unsigned: bool = False

    @classmethod
    def of(
        cls, secrets: Iterable[str], *, prefixes: tuple[str, ...] = ("webhook",), allow_unsigned: bool
    ) -> StandardSignatures:
        """Build it from secrets in the form of the settings: `whsec_` and base64."""
        keys = tuple(base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in secrets)
        return cls(keys, prefixes, allow_unsigned)

    def verify(self, headers: Headers, body: bytes, *, now_ms: int) -> str | None:
        """
        Return the message id of a correctly signed request; None for an unsigned request where those are allowed.

        Raises Problem 401 for every other request, whatever its headers hold.
        """
        prefix, message_id = self._sent_id(headers)
        if not self.keys and self.allow_unsigned and not message_id:
            return None
        if not 0 < len(message_id) <= ID_CHARACTERS_MAX or not message_id.isascii():
            raise _unsigned(f"{prefix}-id is missing, not ASCII or longer than {ID_CHARACTERS_MAX} characters")
        if not self.keys and self.allow_unsigned:
            return message_id
        seconds = _seconds(headers.get(f"{prefix}-timestamp", ""))
        if seconds is None or abs(now_ms / 1000 - seconds) > TOLERANCE_S:
            raise _unsigned(f"{prefix}-timestamp is missing, or not within {TOLERANCE_S // 60} minutes of now")
        content = b"%b.%d.%b" % (_raw(message_id), seconds, body)
        if not self._is_signed(content, headers.get(f"{prefix}-signature", "")):
            raise _unsigned(f"{prefix}-signature is missing or does not match the body")
        return message_id

    def _sent_id(self, headers: Headers) -> tuple[str, str]:
        """Return (the prefix in use, the message id or "")."""
        for prefix in self.prefixes:
            if (message_id := headers.get(f"{prefix}-id")) is not None:
                return prefix, message_id
        return self.prefixes[0], ""

    def _is_signed(self, content: bytes, header: str) -> bool:
        signatures = [_raw(part[3:]) for part in header.split(" ") if part.startswith("v1,")]
        is_valid = False
        for key in self.keys if signatures else ():
            expected = base64.b64encode(hmac.digest(key, content, "sha256"))
            for signature in signatures:
                is_valid |= hmac.compare_digest(signature, expected)
        return is_valid


@dataclass(frozen=True, slots=True)
class CalcomSignatures:
    """
    Cal.com's secrets, newest first during a rotation. Without any, every request is refused, unless `allow_unsigned`.

    The signature is the hex HMAC-SHA256 of the raw body. It covers neither a timestamp nor an id (packages/features/
    webhooks/lib/sendPayload.ts of Cal.com), so a copied request stays valid forever. This is harmless, because a
    repeated event changes nothing.
    """

    keys: tuple[bytes, ...]
    allow_unsigned: bool = False

    @classmethod
    def of(cls, secrets: Iterable[str], *, allow_unsigned: bool) -> CalcomSignatures:
        return cls(tuple(secret.encode() for secret in secrets if secret), allow_unsigned)

    def verify(self, headers: Headers, body: bytes, *, now_ms: int) -> str | None:
        """
        Return None, because Cal.com sends no message id. `now_ms` is not used.

        Raises Problem 401 unless the request is correctly signed; also for `no-secret-provided`, which Cal.com sends
        when its webhook has no secret.
        """
        if not self.keys and self.allow_unsigned:
            return None
        signature, is_valid = _raw(headers.get(CALCOM_HEADER, "")), False
        for key in self.keys:
            is_valid |= hmac.compare_digest(signature, hmac.digest(key, body, "sha256").hex().encode())
        if not is_valid:
            raise _unsigned(f"{CALCOM_HEADER} is missing or does not match the body")
        return None


@dataclass(frozen=True, slots=True)
class TwilioSignatures:
    """
    Twilio's auth token. Without one (None) every request is refused, unless `allow_unsigned`.

    The signature is the base64 HMAC-SHA1 of the callback's URL, as Twilio was given it, and of the form's fields sorted
    by name (twilio.com/docs/usage/webhooks/webhooks-security). It covers no time, but a copied request changes nothing,
    because each message and each status is recorded once.
    """

    token: str | None
    allow_unsigned: bool = False

    def verify(self, headers: Headers, url: str, form: Mapping[str, Sequence[str]]) -> None:
        """Raises Problem 401 unless the request is correctly signed. `url`: the public one, with its query."""
        if self.token is None and self.allow_unsigned:
            return
        sent = _raw(headers.get(TWILIO_HEADER, ""))
        fields = "".join(f"{name}{value}" for name in sorted(form) for value in sorted(set(form[name])))
        expected = hmac.digest((self.token or "").encode(), f"{url}{fields}".encode(), "sha1")
        if self.token is None or not hmac.compare_digest(sent, base64.b64encode(expected)):
            raise _unsigned(f"{TWILIO_HEADER} is missing or does not match PUBLIC_URL and the form")


def _unsigned(detail: str) -> Problem:
    return Problem(401, detail, outcome="unsigned")


def _seconds(text: str) -> int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return math.floor(number) if math.isfinite(number) else None


def _raw(text: str) -> bytes:
    """Return the bytes of a header as they were sent."""
    # aiohttp decodes headers as UTF-8 and keeps other bytes as surrogates.
    return text.encode("utf-8", "surrogateescape")
