"""Accepted SMS and SMS from phones: one row each, shown as Twilio's message resource."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from common.clock import utc_datetime
from common.domain.sms import size_of
from services.sandbox.disk import Disk
from services.sandbox.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An SMS. `direction`: `outbound-api` or `inbound`; `callback`: the URL to which statuses are reported, or ""."""

    sid: str
    created_ms: int
    direction: str
    to: str
    sender: str
    body: str
    status: str
    error_code: int | None
    callback: str
    validity_s: int

    @property
    def phone(self) -> str:
        """The number of the phone that sent or receives the SMS."""
        return self.sender if self.direction == "inbound" else self.to

    @property
    def price(self) -> str:
        return size_of(self.body).label

    def shape(self, account: str) -> dict[str, Any]:
        """Return the SMS as the API shows it. Times are RFC 2822; `date_sent` is null while the SMS is queued."""
        created = format_datetime(utc_datetime(self.created_ms))
        return {
            "sid": self.sid,
            "account_sid": account,
            "messaging_service_sid": self.sender if self.sender.startswith("MG") else None,
            "from": None if self.sender.startswith("MG") else self.sender,
            "to": self.to,
            "body": self.body,
            "status": self.status,
            "direction": self.direction,
            "date_created": created,
            "date_sent": None if self.status in ("queued", "accepted") else created,
            "date_updated": created,
            "num_segments": str(size_of(self.body).segments),
            "num_media": "0",
            "price": None,
            "price_unit": "USD",
            "error_code": self.error_code,
            "error_message": None,
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{account}/Messages/{self.sid}.json",
        }


class Messages:
    """The SMS, stored as rows, newest last."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def add(self, *, to: str, sender: str, body: str, now_ms: int, **more: Any) -> Message:
        sid = f"SM{new_id().replace('-', '')}"
        given = {"direction": "outbound-api", "status": "queued", "callback": "", "validity_s": 36_000} | more
        self._disk.run(
            "INSERT INTO texts (sid, created_ms, direction, recipient, sender, body, status, callback, validity_s)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            sid, now_ms, given["direction"], to, sender, body, given["status"], given["callback"], given["validity_s"],
        )  # fmt: skip
        found = self.get(sid)
        assert found is not None
        return found

    def get(self, sid: str) -> Message | None:
        row = self._disk.row("SELECT * FROM texts WHERE sid = ?", sid)
        return None if row is None else _read(row)

    def count(self) -> int:
        row = self._disk.row("SELECT count(*) AS n FROM texts")
        return 0 if row is None else int(row["n"])

    def all(self) -> list[Message]:
        return [_read(row) for row in self._disk.rows("SELECT * FROM texts ORDER BY seq")]

    def settle(self, sid: str, status: str, error_code: int | None = None) -> None:
        self._disk.run("UPDATE texts SET status = ?, error_code = ? WHERE sid = ?", status, error_code, sid)

    def clear(self) -> None:
        self._disk.run("DELETE FROM texts")


def _read(row: sqlite3.Row) -> Message:
    return Message(
        sid=row["sid"],
        created_ms=row["created_ms"],
        direction=row["direction"],
        to=row["recipient"],
        sender=row["sender"],
        body=row["body"],
        status=row["status"],
        error_code=row["error_code"],
        callback=row["callback"],
        validity_s=row["validity_s"],
    )
