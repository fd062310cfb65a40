"""What an actor may ask of a provider. Behind each stands the real SDK over HTTP, or a simulation in process."""

from __future__ import annotations

from typing import Protocol

from common.domain.enrollment import Enrollment
from common.domain.mail import Mail


class Mailer(Protocol):
    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        """Hand one mail over; the answer is the provider's id of it. Raises a `Failure`."""
        ...


class Mirror(Protocol):
    async def show(self, enrollment: Enrollment) -> dict[str, str]:
        """
        Make Notion show what the ledger says of one person, in both databases.

        Looks for a page by id (`enrollment.pages`, keys `sequence` and `contact`), else by address, else creates it;
        writes only what differs. The answer is to be kept as the next `enrollment.pages`: the page ids, and what else
        the mirror likes to remember of them, by names of its own. Raises a `Failure`.
        """
        ...
