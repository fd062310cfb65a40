"""What an actor may ask of a provider. Each is implemented over the real SDK, and by the simulation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.domain.booking_diff import ListedBooking
from common.domain.contact_booking_status import Person
from common.domain.mail import AcceptedMail, Mail, SentMail
from common.domain.projection import BookingStanding
from common.domain.suppression import ListedSuppression
from common.domain.text import AcceptedText, Text
from common.providers.budget import Budget


class Mailer(Protocol):
    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        """Send one mail; returns the provider's id of it. Raises a `Failure`."""
        ...

    async def list_accepted(self, to: str, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """
        What the provider accepted for an address since a time, newest first.

        Raises a `Failure`: `Misconfigured("restricted_api_key")` when the key may only send.
        """
        ...

    async def list_all_accepted(self, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """The same for all addresses."""
        ...

    async def read_sent(self, mail_id: str) -> SentMail:
        """A mail as it was sent, by the provider's id of it. Raises a `Failure`, as listing does."""
        ...


class Texter(Protocol):
    async def send(self, text: Text) -> str:
        """Send one SMS; returns the provider's id of it. It knows no idempotency keys. Raises a `Failure`."""
        ...

    async def list_accepted(
        self, since_ms: int, *, to: str | None = None, budget: Budget | None = None
    ) -> list[AcceptedText]:
        """What the provider accepted since a time, newest first; `to`: for one number. Raises a `Failure`."""
        ...


class Mirror(Protocol):
    async def show(self, person: Person, *, booking: BookingStanding | None = None) -> dict[str, str]:
        """
        Bring the rows of one contact up to date, in both databases; a contact who only booked a call has one in the
        second.

        `booking`: the status of their calls, None without any. Finds a page by id (`person.pages`, keys `sequence` and
        `contact`), otherwise by address, otherwise creates it; writes only what differs. The caller keeps the answer as
        the next `person.pages`: page ids, and what the mirror wants to know of them the next time. Raises a `Failure`.
        """
        ...


class SuppressionList(Protocol):
    """The provider's own list of addresses to which it sends nothing. Each method raises a `Failure`."""

    def pages(self) -> AsyncIterator[Sequence[ListedSuppression]]:
        """All entries, newest first; each page is a request."""
        ...

    async def origin_of(self, address: str) -> str | None:
        """Why it is on the list: `bounce`, `complaint` or `manual`; None when it is not."""
        ...

    async def add(self, address: str) -> None:
        """Adding what is there already changes nothing."""
        ...

    async def remove(self, address: str) -> None:
        """Also when it was not there."""
        ...


class Calendar(Protocol):
    """Both return pages of bookings of every status; each page is a request. They raise a `Failure`."""

    def between(self, start_ms: int, end_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Bookings that start and end in between."""
        ...

    def changed_since(self, since_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Bookings that changed since a time of the provider's clock."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSet:
    """The providers of one process, each with its budget."""

    mailer: Mailer
    mirror: Mirror
    mail_budget: Budget
    mirror_budget: Budget
    texter: Texter | None = None
    """None: no SMS is sent."""
    text_budget: Budget | None = None
    suppression_list: SuppressionList | None = None
    """None in a simulation: nobody else adds to it there."""
    calendar: Calendar | None = None
    """None without CALCOM_API_KEY: nothing tells then what webhooks did not."""
