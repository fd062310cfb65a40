"""A rendered message, as it is frozen and handed to the provider; and one as the provider lists it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """
    One message, byte for byte: a retry with other bytes is refused by the provider (409).

    `tags`: names and values of ASCII letters, digits, `_` and `-` only (Resend refuses others); the provider's
    webhooks bring them back, which is how an event finds its delivery.
    """

    sender: str
    to: str
    subject: str
    html: str
    text: str
    reply_to: str | None
    headers: dict[str, str]
    tags: dict[str, str]

    def frozen(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def thawed(cls, text: str) -> Mail:
        fields: dict[str, Any] = json.loads(text)
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMail:
    """
    One mail as Resend lists it, newest first; the list knows neither tags nor idempotency keys.

    `last_event` is its word for what became of it (`sent`, `delivered`, …); `sender` as it was given. `to`: normal
    addresses.
    """

    id: str
    to: tuple[str, ...]
    subject: str
    created_ms: int
    last_event: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMail:
    """One mail as the provider keeps it; `html`, `text`: "" for a part that it does not have."""

    subject: str
    html: str
    text: str
