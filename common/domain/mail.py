"""A rendered mail, as it is frozen and sent to the provider, and a mail as the provider lists it."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A text file. `content_type`: such as `text/calendar; charset=utf-8`."""

    filename: str
    content_type: str
    content: str

    @property
    def encoded(self) -> str:
        """The content in base64, as it is sent."""
        return base64.b64encode(self.content.encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """
    One mail, byte for byte: the provider refuses a retry with other bytes (409).

    `tags`: names and values contain only ASCII letters, digits, `_` and `-`, because Resend refuses others. The
    provider's webhooks return the tags, and they identify the delivery of an event.
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
        """Return the mail as JSON. A field that was added later is left out while empty, for older workers."""
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
    A mail in Resend's list, which is sorted newest first and contains neither tags nor idempotency keys.

    `to`: normal addresses. `last_event`: Resend's word for the mail's status (`sent`, `delivered`, …). `sender`: as we
    gave it to Resend.
    """

    id: str
    to: tuple[str, ...]
    subject: str
    created_ms: int
    last_event: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMail:
    """A mail as the provider stores it. `html`, `text`: "" for a part that it does not have."""

    subject: str
    html: str
    text: str
