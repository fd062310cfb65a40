"""One step of an enrollment, or one reminder of a booking, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeliveryStatus(StrEnum):
    """`planned → claimed → accepted → delivered | bounced | complained`, or `skipped(reason)`, or `dead(reason)`."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SKIPPED = "skipped"
    DEAD = "dead"

    @property
    def is_sent(self) -> bool:
        """The provider accepted it."""
        return self in _SENT

    @property
    def is_told(self) -> bool:
        """The provider's webhooks said what became of it after it was accepted."""
        return self in _SENT and self is not DeliveryStatus.ACCEPTED

    @property
    def is_final(self) -> bool:
        """The sequence no longer waits for it."""
        return self in _SENT or self in (DeliveryStatus.SKIPPED, DeliveryStatus.DEAD)


_SENT = frozenset(
    {DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED, DeliveryStatus.BOUNCED, DeliveryStatus.COMPLAINED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    What the ledger remembers of one delivery that has a fate.

    `at_ms`: the instant of the fate. `sent_ms`: the instant the provider accepted it, None if it never did.
    `attempts`: tries that reached for the provider. `detail`: the provider's id when sent, else the reason.
    """

    fate: DeliveryStatus
    at_ms: int
    attempts: int
    detail: str
    sent_ms: int | None = None
