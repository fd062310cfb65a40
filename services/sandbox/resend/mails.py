"""The accepted mails: one row each, in order of acceptance. Only the last event and the scheduled time change."""

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
    """An accepted mail. `payload`: the mail as it was posted; `sha256`: the hash of the request's raw body."""

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
        """The time of acceptance in Resend's format: `2023-04-03 22:13:42.674981+00`."""
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
        """The text part. A missing one is generated from the HTML; an empty one stays empty, as the sender requests."""
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
    def attachments(self) -> list[Attachment]:
        return [_attachment(one) for one in self.payload.get("attachments") or []]


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment. `text`: the content if it is text, or None; `size`: in bytes."""

    filename: str
    content_type: str
    size: int
    text: str | None


def _attachment(given: dict[str, Any]) -> Attachment:
    """Read an attachment. Its size is 0 if Resend would fetch it (`path`), or if it is not base64 of UTF-8 text."""
    try:
        content = base64.b64decode(str(given.get("content") or ""), validate=True)
        text = content.decode()
    except ValueError:
        content, text = b"", None
    name, kind = str(given.get("filename") or "attachment"), str(given.get("content_type") or "")
    return Attachment(name, kind, len(content), text if kind.startswith("text/") else None)


class Mails:
    """The accepted mails, stored as rows."""

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
        words: str = "",
        older_than: int | None = None,
        newer_than: int | None = None,
        skipped: int = 0,
    ) -> list[AcceptedMail]:
        """
        Return mails, newest first.

        `to`, `subject`: substrings of this field; `words`: a substring of either field. `older_than`, `newer_than`:
        sequence numbers, for paging; `skipped`: the number of mails to leave out, from the newest on.
        """
        order = "ASC" if newer_than is not None else "DESC"
        rows = self._disk.rows(
            "SELECT * FROM mails WHERE instr(recipients, ?) AND instr(lower(subject), ?) AND seq < ? AND seq > ?"
            f" AND (instr(recipients, ?) OR instr(lower(subject), ?)) ORDER BY seq {order} LIMIT ? OFFSET ?",
            to.strip().lower(), subject.strip().lower(),
            SEQ_MAX if older_than is None else older_than, -1 if newer_than is None else newer_than,
            words.strip().lower(), words.strip().lower(), limit, skipped,
        )  # fmt: skip
        mails = [_mail(row) for row in rows]
        return mails[::-1] if newer_than is not None else mails

    def count(self) -> int:
        row = self._disk.row("SELECT count(*) AS n FROM mails")
        return 0 if row is None else int(row["n"])

    def counts_by_key(self) -> dict[str, int]:
        """Return the number of accepted mails per idempotency key. Mails without a key are counted under ""."""
        rows = self._disk.rows(
            "SELECT coalesce(idempotency_key, '') AS key, count(*) AS n FROM mails GROUP BY 1 ORDER BY 1"
        )
        return {row["key"]: row["n"] for row in rows}

    def recipients_since(self, start_ms: int) -> int:
        """Return the number of recipients since `start_ms`, which Resend counts against a quota."""
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
        """Delete the mails, idempotency keys, outcomes and unaccepted webhooks. The suppressions stay."""
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
    """Return the text part that Resend generates from the HTML when a mail has none: one paragraph per block."""
    reader = _TextReader()
    reader.feed(html)
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n\n".join(line for line in lines if line)
