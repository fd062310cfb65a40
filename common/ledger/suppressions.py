"""Addresses that get no mail: read, suppress and unsuppress them, and compare them with the provider's own list."""

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
    """A resting address: its mailbox accepted none of `bounces` mails in a row."""

    since_ms: int
    bounces: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A contact who gets no more mail, and the address that the provider's list lacks; None: it is no longer known."""

    contact_id: EnrollmentId
    address: str | None


@dataclass(frozen=True, slots=True)
class UnsuppressRequest:
    """An operator's request that a contact may get mail again. `detail`: who requested it, the contact's consent."""

    contact_id: EnrollmentId
    address: str | None
    detail: str


class Suppressions:
    """The suppressed and resting addresses, for all campaigns of the store. Raises as `Store.run` does."""

    def __init__(self, store: Store, mailboxes: Mailboxes) -> None:
        self._store, self._mailboxes = store, mailboxes

    async def of(self, address: str) -> Suppression | None:
        """Return why and since when this address is suppressed, None if it is not."""
        text = await self._field(keys.SUPPRESSED, address)
        return Suppression.from_text(text) if text else None

    async def resting(self, address: str) -> Resting | None:
        """Return since when this address is resting, None if it is not."""
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
        Send no further mail to this address. Return False if it was suppressed already, and the reason stays.

        `at_ms`: since when, if not now. `is_unlisted`: a worker must add it to the provider's own list.
        """
        more = {"reason": reason.value, "at_ms": now_ms if at_ms is None else at_ms, "is_unlisted": is_unlisted or None}
        return bool(await self._run("suppress", keys.SUPPRESSED, address, detail, now_ms, **more))

    async def suppress_listed(self, entries: Sequence[ListedSuppression], *, now_ms: int) -> int:
        """Suppress entries of the provider's list. Return how many were new or replaced the reason."""
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
        """Allow mail to this address again, but never after a complaint. Enrollments that have ended stay ended."""
        answer: Unsuppressed = await self._run("unsuppress", keys.SUPPRESSED, address, detail, now_ms)
        return answer

    async def request_unsuppress(self, contact: EnrollmentId, *, detail: str) -> None:
        """
        Request that a worker ends a contact's suppression; it must ask the provider first.

        Requesting it twice has the same effect as once.
        """
        client = self._store.client
        await self._store.call(lambda: client.hset(keys.UNSUPPRESSING, contact, detail))

    async def unsuppress_requests(self) -> list[UnsuppressRequest]:
        found = await self._store.read_hash(keys.UNSUPPRESSING)
        return [
            UnsuppressRequest(EnrollmentId(contact), await self._address(contact), detail)
            for contact, detail in found.items()
        ]

    async def finish_request(self, contact: EnrollmentId) -> None:
        await self._store.call(lambda: self._store.client.hdel(keys.UNSUPPRESSING, contact))

    async def refuse_request(self, contact: EnrollmentId, *, detail: str, now_ms: int) -> None:
        """
        Delete a request; the contact stays suppressed.

        `detail`: why; it goes to their timeline, unless they were forgotten in the meantime.
        """
        await self._store.run("suppressions.refuse", [keys.UNSUPPRESSING], [contact, now_ms, detail])

    async def release(self, address: str, *, detail: str, now_ms: int) -> bool:
        """End the rest of an address and reset its count of bounces. Return False if it was not resting."""
        return bool(await self._run("release", keys.RESTING, address, detail, now_ms))

    async def unlisted(self) -> list[Unlisted]:
        """Return the first UNLISTED_AT_ONCE contacts whose addresses must be added to the provider's list."""
        client = self._store.client
        members = texts(await self._store.call(lambda: client.zrange(keys.UNLISTED, 0, UNLISTED_AT_ONCE - 1)))
        return [Unlisted(EnrollmentId(member), await self._address(member)) for member in members]

    async def note_listed(self, contact: EnrollmentId) -> None:
        """Record that the provider's list now contains the contact's address."""
        await self._store.call(lambda: self._store.client.zrem(keys.UNLISTED, contact))

    async def _field(self, key: str, address: str) -> str | None:
        hashes = [self._store.address_hash(address), self._store.spelled_hash(address)]
        client = self._store.client
        found: list[str | None] = texts(await self._store.call(lambda: client.hmget(key, hashes)))
        return found[0] or found[1]

    async def _address(self, contact: str) -> str | None:
        for key in (keys.enrollment(contact), keys.contact(contact)):
            if email := (await self._store.read_hash(key)).get("email"):
                return email
        return None

    async def _run(self, entry: str, key: str, address: str, detail: str, now_ms: int, **more: Any) -> Any:
        given = {
            "address_hash": self._store.address_hash(address),
            "spelled_hash": self._mailboxes.lookup_ids_and_hashes(address).get("spelled_hash"),
            "contacts": await self._mailboxes.in_campaigns(address),
            "detail": detail,
            "now_ms": now_ms,
        }
        return await self._store.run_json(f"suppressions.{entry}", [key], given | more)
