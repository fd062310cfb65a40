"""What an actor may ask of a provider. Behind each stands the real SDK over HTTP, or a simulation in process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from common.domain.booking_diff import ListedBooking
from common.domain.contact_booking_status import Person
from common.domain.mail import AcceptedMail, Mail
from common.domain.projection import BookingStanding
from common.providers.budget import Budget


class Mailer(Protocol):
    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        """Hand one mail over; the answer is the provider's id of it. Raises a `Failure`."""
        ...

    async def list_accepted(self, to: str, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """
        What the provider accepted for an address since an instant, newest first.

        Raises a `Failure`: `Misconfigured("restricted_api_key")` when the key may only send.
        """
        ...

    async def list_all_accepted(self, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """The same for everybody."""
        ...


class Mirror(Protocol):
    async def show(self, person: Person, *, booking: BookingStanding | None = None) -> dict[str, str]:
        """
        Make Notion show what the ledger says of one person, in both databases; who only booked a call is in the second.

        `booking`: where their calls stand, None when there never was one. Looks for a page by id (`person.pages`, keys
        `sequence` and `contact`), else by address, else creates it; writes only what differs. The answer is to be kept
        as the next `person.pages`: the page ids, and what else the mirror likes to remember of them, by names of its
        own. Raises a `Failure`.
        """
        ...


class Calendar(Protocol):
    """Both answer page by page, bookings of every status; each page is a request. They raise a `Failure`."""

    def between(self, start_ms: int, end_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Bookings that start and end in between."""
        ...

    def changed_since(self, since_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Bookings that changed since an instant of the provider's clock."""
        ...
