"""The interfaces of providers that actors use. Each is implemented over HTTP, and by the simulation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.domain.booking_diff import ListedBooking
from common.domain.contact_booking_status import Person
from common.domain.mail import AcceptedMail, Mail, SentMail
from common.domain.projection import NotionBookingStatus
from common.domain.sms import AcceptedSms, Sms
from common.domain.suppression import ListedSuppression
from common.providers.budget import Budget


class Mailer(Protocol):
    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        """Send one mail and return the provider's id of it. Raises a `Failure`."""
        ...

    async def list_accepted(self, to: str, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """
        Return the mails that the provider accepted for an address since a time, newest first.

        Raises a `Failure`: `Misconfigured("restricted_api_key")` when the key may only send.
        """
        ...

    async def list_all_accepted(self, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """Like `list_accepted`, for all addresses."""
        ...

    async def read_sent(self, mail_id: str) -> SentMail:
        """Return a mail as it was sent, by the provider's id of it. Raises a `Failure`, as `list_accepted` does."""
        ...


class Texter(Protocol):
    async def send(self, text: Sms) -> str:
        """Send one SMS and return the provider's id of it. There is no idempotency key. Raises a `Failure`."""
        ...

    async def list_accepted(
        self, since_ms: int, *, to: str | None = None, budget: Budget | None = None
    ) -> list[AcceptedSms]:
        """Return the SMS accepted since a time, newest first. `to`: only those to this number. Raises a `Failure`."""
        ...


class Mirror(Protocol):
    async def show(self, person: Person, *, booking: NotionBookingStatus | None = None) -> dict[str, str]:
        """
        Bring the rows of one contact up to date in both databases; a contact who only booked a call has a row only in
        the second.

        `booking`: the status of the contact's calls, None without any. A page is found by its id (`person.pages`, keys
        `sequence` and `contact`), otherwise by the address, otherwise it is created. Only differences are written. The
        caller stores the answer as the next `person.pages`: page ids, and what the mirror needs to know about the pages
        next time. Raises a `Failure`.
        """
        ...


class SuppressionList(Protocol):
    """The provider's own list of addresses to which it sends nothing. Each method raises a `Failure`."""

    def pages(self) -> AsyncIterator[Sequence[ListedSuppression]]:
        """Yield all entries, newest first; each page is a request."""
        ...

    async def origin_of(self, address: str) -> str | None:
        """Return why the address is listed: `bounce`, `complaint` or `manual`; None when it is not listed."""
        ...

    async def add(self, address: str) -> None:
        """Add an address. If it is already listed, nothing changes."""
        ...

    async def remove(self, address: str) -> None:
        """Remove an address. If it is not listed, nothing changes."""
        ...


class Calendar(Protocol):
    """The provider's list of bookings of every status. Methods yield pages, each a request, and raise a `Failure`."""

    def between(self, start_ms: int, end_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Yield the bookings that start and end between these times."""
        ...

    def changed_since(self, since_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
        """Yield the bookings that changed since a time of the provider's clock."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSet:
    """The providers of one process, each with its budget."""

    mailer: Mailer
    mirror: Mirror
    mail_budget: Budget
    mirror_budget: Budget
    texter: Texter | None = None
    """None when SMS is not set up."""
    text_budget: Budget | None = None
    suppression_list: SuppressionList | None = None
    """None in a simulation, where nobody else adds to the list."""
    calendar: Calendar | None = None
    """None without CALCOM_API_KEY. Bookings that webhooks did not report then stay unknown."""
