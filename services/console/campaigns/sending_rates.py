"""Delivery, bounce and complaint rates, compared with the limits that mailbox providers and Resend set for senders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DELIVERED_MIN: Final = 0.98
BOUNCED_MAX: Final = 0.02
COMPLAINED_MAX: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """
    One rate.

    `share`: None if nothing was reported. `bound`: the minimum if `is_least`, otherwise the maximum.
    """

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
    """The rates. `reported`: number of messages that providers reported on; `waiting`: accepted, but no report yet."""

    reported: int
    waiting: int
    rates: tuple[Rate, ...]


def rates_of(deliveries: Mapping[str, int]) -> SendingRates:
    """
    Compute the rates from the store's numbers by status, which cover all campaigns and channels.

    A mail that was complained about also counts as delivered.
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
