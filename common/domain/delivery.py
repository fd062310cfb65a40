"""
One delivery: a step, a reminder of a call or a follow-up of one, by mail or SMS; and what became of it.

Kinds differ in data only, which `delivery_of` reads from the id. A new kind is a row there and a renderer; a new
channel is a provider and a renderer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from common.domain.ids import DeliveryId, Step, split_delivery_id, step_of
from common.domain.retry import KEY_REMEMBERED_MS


class Kind(StrEnum):
    STEP = "step"
    REMINDER = "reminder"
    FOLLOW_UP = "follow_up"


class Trigger(StrEnum):
    """What a follow-up follows: the guest did not come, the call was held, or it was cancelled."""

    NO_SHOW = "no_show"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"

    @property
    def key_remembered_ms(self) -> int:
        """For how long its provider recognizes a repetition by its key; 0: it knows no keys."""
        return KEY_REMEMBERED_MS if self is Channel.EMAIL else 0

    @property
    def has_keys(self) -> bool:
        """Whether its provider recognizes a repetition at all; else what may be out is looked for."""
        return self.key_remembered_ms > 0

    @property
    def suffix(self) -> str:
        """What a delivery's name ends with: "" for mail, whose ids are older than any other channel."""
        return "" if self is Channel.EMAIL else f".{self}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    What is known of a delivery before anybody looks into the store.

    `owner`: the enrollment (`enr_…`) or the booking's guest (`bkg_…`) that it belongs to. `name`: `step-3`, or
    `1764856800000/24h`, by SMS `1764856800000/24h.sms`; owner and name are the id. `short_name`: `step-3`, `24h`,
    `24h.sms`; `plan_name`: the same without the channel, as the campaign calls it. `label`: as the timeline calls it.
    `gap_applies`: the minimum gap and the order of the owner's deliveries apply to it. `expires_ms`: from then on it is
    not sent. `call_state`: the state of the owner's call in which it is sent; `call_start_ms`: and only while it starts
    then. `trigger`: of a follow-up.
    """

    id: DeliveryId
    owner: str
    name: str
    kind: Kind
    channel: Channel
    label: str
    gap_applies: bool
    expires_ms: int | None = None
    call_state: str | None = None
    call_start_ms: int | None = None
    trigger: Trigger | None = None

    @property
    def short_name(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def plan_name(self) -> str:
        return self.short_name.removesuffix(self.channel.suffix)

    @property
    def step(self) -> Step | None:
        """None for other kinds."""
        return step_of(self.name) if self.kind is Kind.STEP else None


_BOOKED = "booked"
_STATE_OF: Mapping[Trigger, str] = {
    Trigger.NO_SHOW: "no-show",
    Trigger.COMPLETED: "completed",
    Trigger.CANCELLED: "cancelled",
}
"""States of `series.BookingState`."""


def delivery_of(delivery_id: DeliveryId) -> Delivery:
    """Raises ValueError for what is no delivery's id."""
    owner, name = split_delivery_id(delivery_id)
    if owner.startswith("enr_"):
        return Delivery(
            id=delivery_id,
            owner=owner,
            name=name,
            kind=Kind.STEP,
            channel=Channel.EMAIL,
            label=f"step {step_of(name)}",
            gap_applies=True,
        )
    start, _, called = name.partition("/")
    plan_name, _, suffix = called.partition(".")
    channel = Channel(suffix) if suffix else Channel.EMAIL
    if not owner.startswith("bkg_") or not plan_name:
        raise ValueError(f"{delivery_id} is not the id of a delivery")
    if not start.isdecimal():
        return _follow_up(delivery_id, owner, Trigger(start), plan_name, channel)
    return Delivery(
        id=delivery_id,
        owner=owner,
        name=name,
        kind=Kind.REMINDER,
        channel=channel,
        label=f"reminder {plan_name}{_BY[channel]}",
        gap_applies=False,
        expires_ms=int(start),
        call_state=_BOOKED,
        call_start_ms=int(start),
    )


_BY: Mapping[Channel, str] = {Channel.EMAIL: "", Channel.SMS: " by SMS"}


def _follow_up(delivery_id: DeliveryId, owner: str, trigger: Trigger, plan_name: str, channel: Channel) -> Delivery:
    return Delivery(
        id=delivery_id,
        owner=owner,
        name=f"{trigger}/{plan_name}{channel.suffix}",
        kind=Kind.FOLLOW_UP,
        channel=channel,
        label=f"follow-up {plan_name}{_BY[channel]}",
        gap_applies=False,
        call_state=_STATE_OF[trigger],
        trigger=trigger,
    )


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
    def is_reported(self) -> bool:
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
    What the ledger remembers of one delivery that has a final status.

    `at_ms`: when it got that status. `sent_ms`: when the provider accepted it, None if it never did.
    `attempts`: tries that reached for the provider. `detail`: the provider's id when sent, else the reason.
    """

    final_status: DeliveryStatus
    at_ms: int
    attempts: int
    detail: str
    sent_ms: int | None = None
