"""A rendered message, as it is frozen and handed to the provider; and one as the provider lists it."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of text. `content_type`: as in `text/calendar; charset=utf-8`."""

    filename: str
    content_type: str
    content: str

    @property
    def encoded(self) -> str:
        """In base64, as it travels."""
        return base64.b64encode(self.content.encode()).decode()


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
    attachments: tuple[Attachment, ...] = ()

    def frozen(self) -> str:
        """Without what came later while it is empty: an older worker can send it too."""
        fields = {name: value for name, value in asdict(self).items() if name != "attachments" or value}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def thawed(cls, text: str) -> Mail:
        fields: dict[str, Any] = json.loads(text)
        attachments = tuple(Attachment(**one) for one in fields.pop("attachments", ()))
        return replace(cls(**fields), attachments=attachments)


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
