"""Resend's objects, member by member (resend/resend-openapi, 2026-08-21)."""

from __future__ import annotations

from typing import Any

from common.clock import iso
from services.sandbox.resend.mails import AcceptedMail
from services.sandbox.resend.validation import as_list


def listing(data: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {"object": "list", "has_more": has_more, "data": data}


def mail_line(mail: AcceptedMail) -> dict[str, Any]:
    """Return a mail as lists show it, without its content."""
    return {
        "id": mail.id,
        "message_id": mail.message_id,
        "to": mail.to,
        "from": mail.sender,
        "created_at": mail.created_at,
        "subject": mail.subject,
        "bcc": as_list(mail.payload.get("bcc")) or None,
        "cc": as_list(mail.payload.get("cc")) or None,
        "reply_to": as_list(mail.payload.get("reply_to")) or None,
        "last_event": mail.last_event,
        "scheduled_at": None if mail.scheduled_ms is None else iso(mail.scheduled_ms),
    }


def mail(mail: AcceptedMail) -> dict[str, Any]:
    return {
        "object": "email",
        **mail_line(mail),
        "html": mail.html,
        "text": mail.text,
        "bcc": as_list(mail.payload.get("bcc")),
        "cc": as_list(mail.payload.get("cc")),
        "reply_to": as_list(mail.payload.get("reply_to")),
        "tags": [{"name": name, "value": value} for name, value in mail.tags.items()],
    }


def webhook(endpoint: str, events: list[str], *, is_enabled: bool) -> dict[str, Any]:
    """Return a webhook as lists show it, without its secret."""
    return {
        "id": "4dd369bc-aa82-4ff3-97de-514ae3000ee0",
        "created_at": "2025-11-24 09:09:00.000000+00",
        "status": "enabled" if is_enabled else "disabled",
        "endpoint": endpoint,
        "events": events,
    }


def domain(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "status": "verified",
        "created_at": "2025-11-24 09:09:00.000000+00",
        "region": "us-east-1",
        "capabilities": {"sending": "enabled", "receiving": "disabled"},
    }
