"""The accepted mails: one row each, in the order of acceptance; only their last event changes."""

from __future__ import annotations

import base64
import json
import sqlite3
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from common.clock import utc_datetime
from services.sandbox.disk import Disk
from services.sandbox.resend.validation import as_list, bare_address, recipients

SEQ_MAX = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMail:
    """`payload`: the mail as it was posted. `sha256`: of the request's body, byte for byte."""

    seq: int
    id: str
    created_ms: int
    subject: str
    idempotency_key: str | None
    sha256: str
    last_event: str
    scheduled_ms: int | None
    payload: dict[str, Any]
    request_headers: dict[str, str]

    @property
    def created_at(self) -> str:
        """In Resend's format: `2023-04-03 22:13:42.674981+00`."""
        micros = self.created_ms % 1_000 * 1_000 + self.seq % 1_000
        return f"{utc_datetime(self.created_ms):%Y-%m-%d %H:%M:%S}.{micros:06d}+00"

    @property
    def sender(self) -> str:
        return str(self.payload["from"])

    @property
    def to(self) -> list[str]:
        return as_list(self.payload["to"])

    @property
    def recipients(self) -> list[str]:
        return recipients(self.payload)

    @property
    def message_id(self) -> str:
        domain = (bare_address(self.sender) or "").partition("@")[2]
        return f"<{self.id}@{domain}>"

    @property
    def html(self) -> str | None:
        return self.payload.get("html")

    @property
    def text(self) -> str | None:
        """A missing text is made from the HTML; with an empty one the sender asks for none."""
        if self.payload.get("text") is not None:
            return str(self.payload["text"])
        return _text_of(self.html) if self.html else None

    @property
    def tags(self) -> dict[str, str]:
        return {tag["name"]: tag.get("value", "") for tag in self.payload.get("tags") or []}

    @property
    def headers(self) -> dict[str, str]:
        return self.payload.get("headers") or {}

    @property
    def attachments(self) -> list[Attached]:
        return [_attached(one) for one in self.payload.get("attachments") or []]


@dataclass(frozen=True, slots=True)
class Attached:
    """One file of a mail. `text`: what is in it, where that is text; `size`: in bytes."""

    filename: str
    content_type: str
    size: int
    text: str | None


def _attached(given: dict[str, Any]) -> Attached:
    """A file that Resend would fetch (`path`) or decode wrongly has no bytes here."""
    try:
        content = base64.b64decode(str(given.get("content") or ""), validate=True)
        text = content.decode()
    except ValueError:
        content, text = b"", None
    name, kind = str(given.get("filename") or "attachment"), str(given.get("content_type") or "")
    return Attached(name, kind, len(content), text if kind.startswith("text/") else None)


class Mails:
    """The accepted mails, as rows."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def add(
        self, *, mail_id: str, now_ms: int, payload: dict[str, Any], key: str | None, sha256: str,
        scheduled_ms: int | None, request_headers: dict[str, str],
    ) -> AcceptedMail:  # fmt: skip
        addresses = recipients(payload)
        self._disk.run(
            "INSERT INTO mails (id, created_ms, recipients, recipient_count, subject, idempotency_key, sha256,"
            " last_event, scheduled_ms, payload, request_headers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            mail_id, now_ms, " ".join(addresses), len(addresses), payload.get("subject") or "", key, sha256,
            "queued" if scheduled_ms is None else "scheduled", scheduled_ms,
            json.dumps(payload, ensure_ascii=False), json.dumps(request_headers),
        )  # fmt: skip
        added = self.get(mail_id)
        assert added is not None
        return added

    def get(self, mail_id: str) -> AcceptedMail | None:
        row = self._disk.row("SELECT * FROM mails WHERE id = ?", mail_id)
        return None if row is None else _mail(row)

    def newest(
        self,
        *,
        limit: int,
        to: str = "",
        subject: str = "",
        older_than: int | None = None,
        newer_than: int | None = None,
    ) -> list[AcceptedMail]:
        """Newest first. `to` and `subject`: substrings. `older_than`, `newer_than`: sequence numbers, for paging."""
        order = "ASC" if newer_than is not None else "DESC"
        rows = self._disk.rows(
            "SELECT * FROM mails WHERE instr(recipients, ?) AND instr(lower(subject), ?) AND seq < ? AND seq > ?"
            f" ORDER BY seq {order} LIMIT ?",
            to.strip().lower(), subject.strip().lower(),
            SEQ_MAX if older_than is None else older_than, -1 if newer_than is None else newer_than, limit,
        )  # fmt: skip
        mails = [_mail(row) for row in rows]
        return mails[::-1] if newer_than is not None else mails

    def count(self) -> int:
        row = self._disk.row("SELECT count(*) AS n FROM mails")
        return 0 if row is None else int(row["n"])

    def counts_by_key(self) -> dict[str, int]:
        """Accepted mails per idempotency key; those without a key under ""."""
        rows = self._disk.rows(
            "SELECT coalesce(idempotency_key, '') AS key, count(*) AS n FROM mails GROUP BY 1 ORDER BY 1"
        )
        return {row["key"]: row["n"] for row in rows}

    def recipients_since(self, start_ms: int) -> int:
        """The number of recipients since then, which Resend counts against a quota."""
        row = self._disk.row("SELECT coalesce(sum(recipient_count), 0) AS n FROM mails WHERE created_ms >= ?", start_ms)
        return 0 if row is None else int(row["n"])

    def sender_domains(self) -> list[str]:
        rows = self._disk.rows("SELECT DISTINCT json_extract(payload, '$.from') AS sender FROM mails")
        return sorted({(bare_address(row["sender"]) or "").partition("@")[2] for row in rows} - {""})

    def set_last_event(self, mail_id: str, event: str) -> None:
        self._disk.run("UPDATE mails SET last_event = ? WHERE id = ?", event, mail_id)

    def reschedule(self, mail_id: str, at_ms: int | None) -> None:
        self._disk.run("UPDATE mails SET scheduled_ms = ? WHERE id = ?", at_ms, mail_id)

    def clear(self) -> None:
        """Remove mails, idempotency keys, outcomes and webhooks; suppressions stay."""
        with self._disk.transaction():
            for table in ("mails", "answers", "outcomes", "hooks"):
                self._disk.run(f"DELETE FROM {table}")


def _mail(row: sqlite3.Row) -> AcceptedMail:
    plain = {
        name: row[name]
        for name in ("seq", "id", "created_ms", "subject", "idempotency_key", "sha256", "last_event", "scheduled_ms")
    }
    return AcceptedMail(**plain, payload=json.loads(row["payload"]), request_headers=json.loads(row["request_headers"]))


_BLOCKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "hr"}
_INVISIBLE = {"style", "script", "head", "title"}


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._invisible_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._invisible_depth += tag in _INVISIBLE
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._invisible_depth -= tag in _INVISIBLE and self._invisible_depth > 0
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._invisible_depth:
            self.parts.append(data)


def _text_of(html: str) -> str:
    """The text part that Resend makes of the HTML when a mail has none: one paragraph for each block."""
    reader = _TextReader()
    reader.feed(html)
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n\n".join(line for line in lines if line)
