"""What became of accepted mail, against the bounds that mailbox providers and Resend set their senders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DELIVERED_MIN: Final = 0.98
BOUNCED_MAX: Final = 0.02
COMPLAINED_MAX: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`share`: None where nothing was reported. `bound`: the least or the most of it that is good."""

    name: str
    number: int
    share: float | None
    bound: float
    is_least: bool = False

    @property
    def is_good(self) -> bool:
        if self.share is None:
            return True
        return self.share >= self.bound if self.is_least else self.share <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRates:
    """`reported`: mails of which Resend said what became of them; `waiting`: accepted, and nothing was said yet."""

    reported: int
    waiting: int
    rates: tuple[Rate, ...]


def rates_of(deliveries: Mapping[str, int]) -> SendingRates:
    """
    From the store's numbers by status, which are of all campaigns and channels together.

    Whoever complained had the mail delivered.
    """
    bounced, complained = deliveries.get("bounced", 0), deliveries.get("complained", 0)
    delivered = deliveries.get("delivered", 0) + complained
    reported = delivered + bounced

    def share(number: int) -> float | None:
        return number / reported if reported else None

    return SendingRates(
        reported=reported,
        waiting=deliveries.get("accepted", 0),
        rates=(
            Rate(name="delivered", number=delivered, share=share(delivered), bound=DELIVERED_MIN, is_least=True),
            Rate(name="bounced", number=bounced, share=share(bounced), bound=BOUNCED_MAX),
            Rate(name="complained", number=complained, share=share(complained), bound=COMPLAINED_MAX),
        ),
    )
