"""The rules for mails that Resend accepts, and the messages with which it rejects others."""

from __future__ import annotations

import re
from typing import Any

from services.sandbox.dials import Dials
from services.sandbox.resend.errors import ResendProblem, invalid, missing

RECIPIENTS_MAX = 50
TAG_CHARACTERS = re.compile(r"[A-Za-z0-9_-]{1,256}")
FORMAT = "The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."
EXAMPLE_DOMAINS = {"example.com", "test.com"}

_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]]+@[^\s@<>(),;:\"\[\]]+\.[^\s@<>(),;:\"\[\].]+")
_NAMED = re.compile(r"[^<>\r\n]*<\s*([^<>]+?)\s*>")


def bare_address(text: str) -> str | None:
    """Return the lower-case address in `Ada <ada@x.org>` or `ada@x.org`, or None when it is not well-formed."""
    named = _NAMED.fullmatch(text.strip())
    address = named.group(1) if named else text.strip()
    return address.lower() if _ADDRESS.fullmatch(address) and ".." not in address else None


def recipients(mail: dict[str, Any]) -> list[str]:
    """Return the bare addresses in `to`, `cc` and `bcc` of a valid mail, in this order."""
    listed = [entry for field in ("to", "cc", "bcc") for entry in as_list(mail.get(field))]
    return [address for entry in listed if (address := bare_address(entry))]


def as_list(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def check_mail(mail: Any, dials: Dials) -> None:
    """Raise the `ResendProblem` with which Resend would reject this mail: the first problem that it would find."""
    if not isinstance(mail, dict):
        raise ResendProblem(422, "validation_error", "The email must be an object.")
    _check_sender(mail, dials)
    for field in ("to", "cc", "bcc", "reply_to"):
        _check_addresses(mail, field, dials)
    _check_content(mail)
    _check_headers(mail.get("headers"))
    _check_tags(mail.get("tags"))
    _check_attachments(mail.get("attachments"))


def _check_sender(mail: dict[str, Any], dials: Dials) -> None:
    sender = mail.get("from")
    if not sender:
        raise missing("from")
    address = bare_address(sender) if isinstance(sender, str) else None
    if address is None:
        raise ResendProblem(422, "invalid_from_address", f"Invalid `from` field. {FORMAT}")
    domain = address.partition("@")[2]
    if dials.resend_verified_domains is not None and domain not in dials.resend_verified_domains:
        message = (
            f"The {domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains"
        )
        raise ResendProblem(403, "validation_error", message)


def _check_addresses(mail: dict[str, Any], field: str, dials: Dials) -> None:
    value = mail.get(field)
    if not value:
        if field == "to":
            raise missing("to")
        return
    if not isinstance(value, str | list):
        raise invalid(f"Invalid `{field}` field. {FORMAT}")
    if len(value) > RECIPIENTS_MAX and isinstance(value, list):
        raise invalid(f"Invalid `{field}` field. The number of addresses must be at most {RECIPIENTS_MAX}.")
    for entry in as_list(value):
        address = bare_address(entry) if isinstance(entry, str) else None
        if address is None:
            raise invalid(f"Invalid `{field}` field. {FORMAT}")
        if (
            field != "reply_to"
            and dials.resend_refuses_example_addresses
            and address.partition("@")[2] in EXAMPLE_DOMAINS
        ):
            raise invalid(
                f"Invalid `{field}` field. Please use our testing email address instead of domains like `example.com`."
            )


def _check_content(mail: dict[str, Any]) -> None:
    if mail.get("template"):
        return  # A template brings its own subject and body.
    if not mail.get("subject"):
        raise missing("subject")
    for field in ("subject", "html", "text"):
        if mail.get(field) is not None and not isinstance(mail[field], str):
            raise invalid(f"The `{field}` field must be a `string`.")
    if not mail.get("html") and not mail.get("text"):
        raise invalid("Missing `html` or `text` field.")


def _check_headers(headers: Any) -> None:
    if headers is None:
        return
    if not isinstance(headers, dict):
        raise invalid("The `headers` field must be an `object`.")
    for name, value in headers.items():
        if not isinstance(value, str):
            raise invalid(f"The `{name}` header must be a `string`.")
        if "\n" in value or "\r" in value:
            raise invalid(f"The `{name}` header must not contain line breaks.")


def _check_tags(tags: Any) -> None:
    if tags is None:
        return
    if not isinstance(tags, list):
        raise invalid("The `tags` field must be an `array`.")
    for tag in tags:
        if not isinstance(tag, dict) or "name" not in tag:
            raise invalid("The `tags` field must be an array of objects with `name` and `value`.")
        for part in (tag["name"], tag.get("value", "")):
            if not isinstance(part, str) or (part and not TAG_CHARACTERS.fullmatch(part)):
                raise invalid("Tags should only contain ASCII letters, numbers, underscores, or dashes.")


def _check_attachments(attachments: Any) -> None:
    for attachment in attachments or []:
        if not isinstance(attachment, dict) or not (attachment.get("content") or attachment.get("path")):
            raise ResendProblem(422, "invalid_attachment", "Attachment must have either a `content` or `path`.")
