"""Addresses that get no mail: read, suppressed and given back by hand, compared with the provider's own list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from common.domain.enrollment import ExitReason
from common.domain.ids import EnrollmentId
from common.domain.suppression import ListedSuppression, Suppression
from common.ledger import keys
from common.ledger.mailboxes import Mailboxes
from common.ledger.store import Store, texts

UNLISTED_AT_ONCE = 100

Unsuppressed = Literal["done", "not suppressed", "complained"]


@dataclass(frozen=True, slots=True)
class Resting:
    """An address whose mailbox took none of `bounces` mails in a row."""

    since_ms: int
    bounces: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A contact who left all mail, and their address, which the provider's list lacks; None: not known any more."""

    contact_id: EnrollmentId
    address: str | None


@dataclass(frozen=True, slots=True)
class UnsuppressRequest:
    """A contact whom a person of the team lets come back. `detail`: who, and their consent."""

    contact_id: EnrollmentId
    address: str | None
    detail: str


class Suppressions:
    """Of addresses, in all campaigns of the store. Raises as `Store.run` does."""

    def __init__(self, store: Store, mailboxes: Mailboxes) -> None:
        self._store, self._mailboxes = store, mailboxes

    async def of(self, address: str) -> Suppression | None:
        text = await self._field(keys.SUPPRESSED, address)
        return Suppression.from_text(text) if text else None

    async def resting(self, address: str) -> Resting | None:
        text = await self._field(keys.RESTING, address)
        return Resting(*map(int, text.split())) if text else None

    async def suppress(
        self,
        address: str,
        reason: ExitReason,
        *,
        detail: str,
        now_ms: int,
        at_ms: int | None = None,
        is_unlisted: bool = False,
    ) -> bool:
        """
        No further mail to this address. `at_ms`: since when, if not now. False: it was suppressed already.

        `is_unlisted`: a worker writes it to the provider's own list.
        """
        more = {"reason": reason.value, "at_ms": now_ms if at_ms is None else at_ms, "is_unlisted": is_unlisted or None}
        return bool(await self._run("suppress", keys.SUPPRESSED, address, detail, now_ms, **more))

    async def suppress_listed(self, entries: Sequence[ListedSuppression], *, now_ms: int) -> int:
        """What the provider's list holds; the number of those that were not known here."""
        new = await asyncio.gather(
            *(
                self.suppress(
                    entry.address,
                    entry.reason,
                    detail=f"on Resend's suppression list: {entry.origin}",
                    now_ms=now_ms,
                    at_ms=entry.created_ms,
                )
                for entry in entries
            )
        )
        return sum(new)

    async def unsuppress(self, address: str, *, detail: str, now_ms: int) -> Unsuppressed:
        """Mail may go there again, never after a complaint. What has ended stays ended."""
        answer: Unsuppressed = await self._run("unsuppress", keys.SUPPRESSED, address, detail, now_ms)
        return answer

    async def request_unsuppress(self, contact: EnrollmentId, *, detail: str) -> None:
        """Have a worker end it, which must ask the provider first. Who asks twice asks once."""
        client = self._store.client
        await self._store.patiently(lambda: client.hset(keys.UNSUPPRESSING, contact, detail))

    async def unsuppress_requests(self) -> list[UnsuppressRequest]:
        found = await self._store.read_hash(keys.UNSUPPRESSING)
        return [
            UnsuppressRequest(EnrollmentId(contact), await self._address(contact), detail)
            for contact, detail in found.items()
        ]

    async def finish_request(self, contact: EnrollmentId) -> None:
        await self._store.patiently(lambda: self._store.client.hdel(keys.UNSUPPRESSING, contact))

    async def refuse_request(self, contact: EnrollmentId, *, detail: str, now_ms: int) -> None:
        """They do not come back; `detail` says why in their timeline, unless they were forgotten meanwhile."""
        await self._store.run("suppressions.refuse", [keys.UNSUPPRESSING], [contact, now_ms, detail])

    async def release(self, address: str, *, detail: str, now_ms: int) -> bool:
        """End its rest, and count its bounces from none. False: it was not resting."""
        return bool(await self._run("release", keys.RESTING, address, detail, now_ms))

    async def unlisted(self) -> list[Unlisted]:
        """Contacts who left, and whose addresses the provider's list does not have yet; the first of them."""
        client = self._store.client
        members = texts(await self._store.patiently(lambda: client.zrange(keys.UNLISTED, 0, UNLISTED_AT_ONCE - 1)))
        return [Unlisted(EnrollmentId(member), await self._address(member)) for member in members]

    async def note_listed(self, contact: EnrollmentId) -> None:
        """The provider's list has their address now."""
        await self._store.patiently(lambda: self._store.client.zrem(keys.UNLISTED, contact))

    async def _field(self, key: str, address: str) -> str | None:
        hashes = [self._store.address_hash(address), self._store.spelled_hash(address)]
        client = self._store.client
        found: list[str | None] = texts(await self._store.patiently(lambda: client.hmget(key, hashes)))
        return found[0] or found[1]

    async def _address(self, contact: str) -> str | None:
        for key in (keys.enrollment(contact), keys.contact(contact)):
            if email := (await self._store.read_hash(key)).get("email"):
                return email
        return None

    async def _run(self, entry: str, key: str, address: str, detail: str, now_ms: int, **more: Any) -> Any:
        given = {
            "address_hash": self._store.address_hash(address),
            "spelled_hash": self._mailboxes.ids_and_hashes(address).get("spelled_hash"),
            "contacts": await self._mailboxes.in_campaigns(address),
            "detail": detail,
            "now_ms": now_ms,
        }
        return await self._store.run_json(f"suppressions.{entry}", [key], given | more)
