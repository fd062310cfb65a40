"""The link under which a guest's calendar finds their call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.domain.ids import BookingId, GuestId, booking_of, read_signed, signed

_PURPOSE: Final = "calendar"


@dataclass(frozen=True, slots=True)
class CalendarLink:
    """
    One guest's call: the guest whom a reminder was sent to, and the hash of their address.

    The same link leads to the booking that this one was moved to.
    """

    guest: GuestId
    address_hash: str

    @property
    def booking(self) -> BookingId:
        return booking_of(self.guest)

    def token(self, secret_key: str) -> str:
        """An opaque, unforgeable path segment; no address can be read from it."""
        return signed(secret_key, _PURPOSE, self.guest, self.address_hash)

    @classmethod
    def from_token(cls, token: str, secret_key: str) -> CalendarLink | None:
        """The link's content, or None when it was not made with this key."""
        match read_signed(token, secret_key, _PURPOSE):
            case (guest, address_hash):
                return cls(GuestId(guest), address_hash)
        return None
