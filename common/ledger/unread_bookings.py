"""Bodies of Cal.com that could not be read, kept as they came for a person: Cal.com posts once."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import idna

from common.ledger import keys
from common.ledger.store import Store

RAW_BYTES_MAX = 64 * 1024
_PHONE = re.compile(r"\+?\d[\d ().-]{5,}\d")
EVENTS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadBookingEvent:
    """`raw`: the body's text; `reason`: what is wrong with it, without anything that was sent."""

    id: str
    received_ms: int
    reason: str
    raw: str

    def mentions(self, address: str, *, phones: Collection[str] = ()) -> bool:
        """Whether the body names this address, in any case and however its JSON is escaped, or one of these numbers."""
        try:
            text = json.dumps(json.loads(self.raw), ensure_ascii=False)
        except (ValueError, RecursionError):
            text = self.raw
        if any(spelling in text.casefold() for spelling in _spellings(address)):
            return True
        known = {_subscriber(phone) for phone in phones}
        return any(_subscriber(number) in known for number in _PHONE.findall(text))


class UnreadBookings:
    """Of all campaigns of the store, since nobody can tell whose they are. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, raw: str, *, reason: str, received_ms: int) -> None:
        """Keep a body; the same body again changes nothing. Of more than 1,000 the newest are kept."""
        id = unread_id(raw)
        event = UnreadBookingEvent(id=id, received_ms=received_ms, reason=reason, raw=_cut(raw))
        await self._store.run_json(
            "unread_bookings.keep",
            [keys.UNREAD_BOOKINGS, keys.UNREAD_BOOKINGS_RAW],
            {"id": id, "received_ms": received_ms, "events_max": EVENTS_MAX},
            json.dumps(asdict(event), ensure_ascii=False),
        )

    async def read_all(self) -> list[UnreadBookingEvent]:
        """All of them, oldest first."""
        bodies = await self._store.read_hash(keys.UNREAD_BOOKINGS_RAW)
        events = [UnreadBookingEvent(**json.loads(text)) for text in bodies.values()]
        return sorted(events, key=lambda event: (event.received_ms, event.id))

    async def discard(self, ids: Sequence[str]) -> int:
        """Delete these; the number of those that were there."""
        given = [keys.UNREAD_BOOKINGS, keys.UNREAD_BOOKINGS_RAW]
        return int(await self._store.run_json("unread_bookings.discard", given, {"ids": list(ids)}))


def unread_id(raw: str) -> str:
    """`unr_` and 16 letters: the same for the same body."""
    digest = hashlib.sha256(raw.encode(errors="backslashreplace")).digest()[:10]
    return "unr_" + base64.b32encode(digest).decode().lower()


def _spellings(address: str) -> set[str]:
    """As it is stored, and with its domain as a person writes it."""
    local, _, domain = address.casefold().rpartition("@")
    try:
        return {address.casefold(), f"{local}@{idna.decode(domain)}"}
    except idna.IDNAError:
        return {address.casefold()}


def _subscriber(phone: str) -> str:
    """The last ten digits of a phone number, whether or not it is written with its country's code."""
    return re.sub(r"\D", "", phone)[-10:]


def _cut(raw: str) -> str:
    return raw.encode(errors="backslashreplace")[:RAW_BYTES_MAX].decode(errors="ignore")
