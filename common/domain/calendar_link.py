"""The link from which a guest's calendar fetches their call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.domain.ids import BookingId, GuestId, booking_of, read_signed, signed

_PURPOSE: Final = "calendar"


@dataclass(frozen=True, slots=True)
class CalendarLink:
    """
    The content of a calendar link: the guest to whom a reminder was sent, and the hash of their address.

    After the booking has moved, the same link leads to the new booking.
    """

    guest: GuestId
    address_hash: str

    @property
    def booking(self) -> BookingId:
        return booking_of(self.guest)

    def token(self, secret_key: str) -> str:
        """Return an opaque, unforgeable path segment that does not reveal the address."""
        return signed(secret_key, _PURPOSE, self.guest, self.address_hash)

    @classmethod
    def from_token(cls, token: str, secret_key: str) -> CalendarLink | None:
        """Return the link's content, or None when the token was not made with this key."""
        match read_signed(token, secret_key, _PURPOSE):
            case (guest, address_hash):
                return cls(GuestId(guest), address_hash)
        return None
