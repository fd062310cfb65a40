"""Mail through Resend: sending, listing and reading."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import resend

from common.clock import DateWitness
from common.domain.ids import normal_address
from common.domain.mail import AcceptedMail, Attachment, Mail, SentMail
from common.providers.budget import Budget, Unlimited
from common.providers.http import list_of, readable_rows, unanswered
from common.providers.protocols import Mailer
from common.providers.resend.sdk import ResendSdk, object_of, read_time_ms
from common.providers.resend.sent_list import Listing, Page

PAGE = 100


class ResendMailer(Mailer):
    """A mailer for one event loop. Raises ValueError if the key is malformed."""

    def __init__(
        self, api_key: str, api_url: str, timeout_s: float = 10, *, witness: DateWitness | None = None
    ) -> None:
        self._sdk = ResendSdk(api_key, api_url, timeout_s, witness=witness)
        self._listing = Listing(self._page)

    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        """Send one mail, the same bytes for the same mail. Return Resend's id of it. Raises a `Failure`."""
        with self._sdk.request():
            answer: Any = await resend.Emails.send_async(
                parameters(mail),  # type: ignore[arg-type]  # a TypedDict with a key "from"
                {"idempotency_key": idempotency_key},
            )
            if not isinstance(answer, dict) or not isinstance(answer.get("id"), str):
                raise unanswered("answer_without_id", status=200)
            return str(answer["id"])

    async def list_accepted(self, to: str, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """Return the mails that Resend accepted for an address since a time, newest first. See `list_all_accepted`."""
        address = normal_address(to)
        return [mail for mail in await self.list_all_accepted(since_ms, budget=budget) if address in mail.to]

    async def list_all_accepted(self, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """
        Return the mails that Resend accepted since a time, newest first. A key that may only send cannot list.

        The API has no filter (openapi, GET /emails), so the whole list is read back to that time, and cached. Raises a
        `Failure`, also the budget's `Throttled`.
        """
        return await self._listing.since(since_ms, budget=budget or Unlimited())

    async def read_sent(self, mail_id: str) -> SentMail:
        """
        Return a mail as Resend stores it (openapi, GET /emails/{id}).

        A key that may only send cannot read. Raises a `Failure`.
        """
        with self._sdk.request(reading=True):
            answer = object_of(await resend.Emails.get_async(quote(mail_id, safe="")))
            parts = {name: str(answer.get(name) or "") for name in ("subject", "html", "text")}
            return SentMail(**parts)

    async def close(self) -> None:
        await self._sdk.close()

    async def _page(self, after: str | None) -> Page:
        with self._sdk.request(reading=True):
            listing: Any = {"limit": PAGE} | ({"after": after} if after else {})
            answer: Any = await resend.Emails.list_async(listing)
            rows = list_of(answer, "data")
            with readable_rows():
                mails = [_accepted(row) for row in rows]
            return Page(mails, has_more=bool(answer.get("has_more")))


def parameters(mail: Mail) -> dict[str, Any]:
    """Return the body of POST /emails. Headers and tags are sorted, so that the same mail is the same bytes."""
    return {
        "from": mail.sender,
        "to": [mail.to],
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        **({"reply_to": mail.reply_to} if mail.reply_to else {}),
        "headers": dict(sorted(mail.headers.items())),
        "tags": [{"name": name, "value": value} for name, value in sorted(mail.tags.items())],
        **({"attachments": [_attachment(one) for one in mail.attachments]} if mail.attachments else {}),
    }


def _attachment(one: Attachment) -> dict[str, str]:
    return {"filename": one.filename, "content": one.encoded, "content_type": one.content_type}


def _accepted(row: dict[str, Any]) -> AcceptedMail:
    to = row.get("to") or []
    return AcceptedMail(
        id=str(row["id"]),
        to=tuple(normal_address(address) for address in ([to] if isinstance(to, str) else to)),
        subject=str(row.get("subject") or ""),
        created_ms=read_time_ms(str(row["created_at"])),
        last_event=str(row.get("last_event") or ""),
        sender=str(row.get("from") or ""),
    )
