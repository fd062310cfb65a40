"""
Request bodies from Cal.com that could not be read. They are stored unchanged for a person, because Cal.com sends them
only once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass

from common.ledger import keys
from common.ledger.store import Store, texts
from common.normalization.address import AddressError, repaired_address

RAW_BYTES_MAX = 64 * 1024
_ADDRESS = re.compile(r"[^\s@\"<>()\[\],;:\\]{1,64}@[^\s@\"<>()\[\],;:\\'`&?/|}]{1,255}")
_PHONE = re.compile(r"\+?\d[\d ().-]{5,}\d")
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|([/"\\])|.)')
EVENTS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadBookingEvent:
    """An unreadable body. `raw`: its text, cut to RAW_BYTES_MAX. `reason`: what is wrong, without any text from it."""

    id: str
    received_ms: int
    reason: str
    raw: str

    def addresses(self) -> frozenset[str]:
        """Return the addresses in the body, in the form that is stored, even if its JSON is escaped or cut off."""
        return frozenset(_addresses(_unescaped(self.raw)))

    def names_phone(self, phones: Collection[str]) -> bool:
        known = {_subscriber(phone) for phone in phones}
        return any(_subscriber(number) in known for number in _PHONE.findall(_unescaped(self.raw)))


class UnreadBookings:
    """The unreadable bodies of all campaigns: which campaign each belongs to is unknown. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, raw: str, *, reason: str, received_ms: int) -> None:
        """Store a body. Storing the same body again changes nothing. Only the newest EVENTS_MAX are kept."""
        id = unread_id(raw)
        event = UnreadBookingEvent(id=id, received_ms=received_ms, reason=reason, raw=_cut(raw))
        await self._store.run_json(
            "unread_bookings.keep",
            [keys.UNREAD_BOOKINGS, keys.UNREAD_BOOKINGS_RAW],
            {"id": id, "received_ms": received_ms, "events_max": EVENTS_MAX},
            json.dumps(asdict(event), ensure_ascii=False),
        )

    async def read_all(self) -> list[UnreadBookingEvent]:
        """Return all stored bodies, oldest first."""
        bodies = await self._store.read_hash(keys.UNREAD_BOOKINGS_RAW)
        events = [UnreadBookingEvent(**json.loads(text)) for text in bodies.values()]
        return sorted(events, key=lambda event: (event.received_ms, event.id))

    async def newest(self, *, first: int, number: int) -> list[UnreadBookingEvent]:
        """Return a page of stored bodies, newest first."""
        client = self._store.client
        ids = texts(await client.zrevrange(keys.UNREAD_BOOKINGS, first, first + number - 1))
        bodies = texts(await client.hmget(keys.UNREAD_BOOKINGS_RAW, ids)) if ids else []
        return [UnreadBookingEvent(**json.loads(body)) for body in bodies if body is not None]

    async def discard(self, ids: Sequence[str]) -> list[str]:
        """Delete these bodies. Return the ids of those that existed."""
        given = [keys.UNREAD_BOOKINGS, keys.UNREAD_BOOKINGS_RAW]
        found: list[str] = texts(await self._store.run_json("unread_bookings.discard", given, {"ids": list(ids)}))
        return found


def unread_id(raw: str) -> str:
    """Return the id of a body: `unr_` and 16 letters or digits derived from it."""
    digest = hashlib.sha256(raw.encode(errors="backslashreplace")).digest()[:10]
    return "unr_" + base64.b32encode(digest).decode().lower()


def _addresses(text: str) -> Iterator[str]:
    """Yield the addresses in a text, also in single quotes or as a query parameter (`email=ada@example.com`)."""
    for found in _ADDRESS.findall(text):
        for spelling in {found, found.lstrip("'`{|"), re.split(r"[=?&]", found)[-1]}:
            try:
                yield repaired_address(spelling.rstrip(".!"))
            except AddressError:
                continue


def _unescaped(raw: str) -> str:
    """Decode or remove JSON escapes, because their letters would otherwise become part of the next word."""
    return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)) if escape[1] else escape[2] or " ", raw)


def _subscriber(phone: str) -> str:
    """Return the last ten digits of a phone number, the same with and without the country code."""
    return re.sub(r"\D", "", phone)[-10:]


def _cut(raw: str) -> str:
    return raw.encode(errors="backslashreplace")[:RAW_BYTES_MAX].decode(errors="ignore")
