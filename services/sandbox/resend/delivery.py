"""
The outcome of an accepted mail: delivered, bounced, complained, or suppressed.

The name of a Resend test address determines its outcome, with or without a label: `bounced+anything@resend.dev`
(resend.com/docs/dashboard/emails/send-test-emails). The dials `bouncing` and `complaining` do the same for any address.
An outcome is a row with a due time, so a delay survives a restart. The next read or the scheduler settles it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from services.sandbox.resend.account import Suppressions
from services.sandbox.resend.mails import AcceptedMail, Mails
from services.sandbox.resend.webhooks import Webhooks
from services.sandbox.state import Sandbox

BOUNCES = {
    "Permanent": (
        "General",
        "The recipient's email provider sent a hard bounce message.",
        "smtp; 550 5.1.1 user unknown",
    ),
    "Transient": ("MailboxFull", "The recipient's mailbox is full.", "smtp; 452 4.2.2 mailbox full"),
    "Undetermined": (
        "Undetermined",
        "The recipient's email provider sent a bounce message.",
        "smtp; 554 5.0.0 unknown",
    ),
}


@dataclass(frozen=True)
class Delivery:
    sandbox: Sandbox
    mails: Mails
    suppressions: Suppressions
    webhooks: Webhooks

    def plan(self, mail: AcceptedMail) -> None:
        """Store the outcomes of a mail. `sent` is due when the mail is, the others `delivery_seconds` later."""
        sent_ms = mail.scheduled_ms or mail.created_ms
        due_ms = sent_ms + int(self.sandbox.dials.delivery_seconds * 1_000)
        events = self._events(mail)
        self._add_outcome(mail.id, sent_ms if events[0][0] == "sent" else due_ms, *events[0])
        for event, detail in events[1:]:
            self._add_outcome(mail.id, due_ms, event, detail)

    def cancel(self, mail_id: str) -> None:
        self.sandbox.disk.run("DELETE FROM outcomes WHERE mail_id = ?", mail_id)
        self.mails.set_last_event(mail_id, "canceled")

    def settle_due(self) -> None:
        """Settle every outcome that is due, in order."""
        now_ms = self.sandbox.clock.now_ms()
        disk = self.sandbox.disk
        for row in disk.rows("SELECT * FROM outcomes WHERE due_ms <= ? ORDER BY due_ms, seq", now_ms):
            with disk.transaction():
                disk.run("DELETE FROM outcomes WHERE seq = ?", row["seq"])
                self._settle(row["mail_id"], row["event"], json.loads(row["detail"]))

    def next_due_ms(self) -> int | None:
        row = self.sandbox.disk.row("SELECT min(due_ms) AS due_ms FROM outcomes")
        return None if row is None else row["due_ms"]

    def _add_outcome(self, mail_id: str, due_ms: int, event: str, detail: dict[str, Any]) -> None:
        self.sandbox.disk.run(
            "INSERT INTO outcomes (mail_id, due_ms, event, detail) VALUES (?, ?, ?, ?)",
            mail_id,
            due_ms,
            event,
            json.dumps(detail),
        )

    def _settle(self, mail_id: str, event: str, detail: dict[str, Any]) -> None:
        mail = self.mails.get(mail_id)
        if mail is None:
            return
        now_ms = self.sandbox.clock.now_ms()
        self.mails.set_last_event(mail_id, event)
        if event == "bounced" and detail["bounce"]["type"] == "Permanent":
            self._suppress(mail, "bounce", now_ms)
        if event == "complained":
            self._suppress(mail, "complaint", now_ms)
        if self.sandbox.dials.webhooks:
            self.webhooks.add(mail, event, detail, now_ms=now_ms)

    def _suppress(self, mail: AcceptedMail, origin: str, now_ms: int) -> None:
        for address in mail.recipients:
            # Resend's test addresses stay usable: they are never suppressed.
            if not address.endswith("@resend.dev"):
                self.suppressions.add(address, origin, now_ms=now_ms, source_id=mail.id)

    def _events(self, mail: AcceptedMail) -> list[tuple[str, dict[str, Any]]]:
        dials = self.sandbox.dials
        for address in mail.recipients:
            known = self.suppressions.find(address)
            if known is not None or _is_test_address(address, "suppressed"):
                return [("suppressed", {"suppressed": _suppressed(known["origin"] if known else "bounce")})]
            if _is_test_address(address, "bounced") or _matches(address, dials.bouncing):
                return [("sent", {}), ("bounced", {"bounce": _bounce(dials.bounce_type)})]
            if _is_test_address(address, "complained") or _matches(address, dials.complaining):
                return [("sent", {}), ("delivered", {}), ("complained", {})]
        return [("sent", {}), ("delivered", {})]


def _is_test_address(address: str, name: str) -> bool:
    local, _, domain = address.partition("@")
    return domain == "resend.dev" and local.partition("+")[0] == name


def _matches(address: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(address, pattern.lower()) for pattern in patterns)


def _bounce(kind: str) -> dict[str, Any]:
    sub_type, message, diagnostic = BOUNCES[kind]
    return {"type": kind, "subType": sub_type, "message": message, "diagnosticCode": [diagnostic]}


def _suppressed(origin: str) -> dict[str, Any]:
    return {
        "type": "OnAccountSuppressionList",
        "reason": "previous_complaint" if origin == "complaint" else "previous_bounce",
        "message": "The recipient is on your account's suppression list.",
        "diagnosticCode": [],
    }
