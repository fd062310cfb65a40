"""
Deliveries and their results. A delivery is a step, a reminder of a call or a follow-up of a call, by mail or SMS.

Kinds differ in data only, and `delivery_of` reads these data from the id. A new kind needs a branch there and a
renderer; a new channel needs a provider and a renderer.
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
    """The event that causes a follow-up: the guest did not come, the call was held, or the call was cancelled."""

    NO_SHOW = "no_show"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"

    @property
    def key_remembered_ms(self) -> int:
        """How long the provider recognizes a repeated request by its idempotency key; 0: it has no such keys."""
        return KEY_REMEMBERED_MS if self is Channel.EMAIL else 0

    @property
    def has_idempotency_keys(self) -> bool:
        """
        Whether the provider has idempotency keys. If not, a message whose outcome is unknown is looked up in the
        provider's list.
        """
        return self.key_remembered_ms > 0

    @property
    def suffix(self) -> str:
        """The end of a delivery's name. It is "" for mail, because its ids date from before there were channels."""
        return "" if self is Channel.EMAIL else f".{self}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    The facts that a delivery's id contains, without reading the store.

    `owner`: the enrollment (`enr_…`) or the booking's guest (`bkg_…`) that it belongs to. `name`: `step-3`, or
    `1764856800000/24h`, by SMS `1764856800000/24h.sms`; the id is the owner and the name. `short_name`: `step-3`,
    `24h`, `24h.sms`. `plan_name`: the short name without the channel, as the campaign calls it. `label`: its name in
    the timeline. `gap_applies`: whether the minimum gap and the order of the owner's deliveries apply. `expires_ms`:
    it is not sent from this time on. `call_state`: it is sent only while the owner's call is in this state.
    `call_start_ms`: it is sent only while the call starts at this time. `trigger`: a follow-up's trigger, otherwise
    None.
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
        """The step, or None for a delivery of another kind."""
        return step_of(self.name) if self.kind is Kind.STEP else None


_BOOKED = "booked"
_STATE_OF: Mapping[Trigger, str] = {
    Trigger.NO_SHOW: "no-show",
    Trigger.COMPLETED: "completed",
    Trigger.CANCELLED: "cancelled",
}
"""The values are those of `series.BookingState`."""


def delivery_of(delivery_id: DeliveryId) -> Delivery:
    """Return the delivery with this id. Raises ValueError if it is not the id of a delivery."""
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
    """`planned → accepted → delivered | bounced | complained`, or `skipped(reason)`, or `dead(reason)`."""

    PLANNED = "planned"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SKIPPED = "skipped"
    DEAD = "dead"

    @property
    def is_sent(self) -> bool:
        """Whether the provider accepted it."""
        return self in _SENT

    @property
    def is_reported(self) -> bool:
        """Whether the provider's webhooks reported what happened to it after it was accepted."""
        return self in _SENT and self is not DeliveryStatus.ACCEPTED

    @property
    def is_final(self) -> bool:
        """Whether the enrollment no longer waits for it."""
        return self in _SENT or self in (DeliveryStatus.SKIPPED, DeliveryStatus.DEAD)


_SENT = frozenset(
    {DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED, DeliveryStatus.BOUNCED, DeliveryStatus.COMPLAINED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    The ledger's record of a delivery.

    `at_ms`: when it got this status; for a planned one, when it is due. `sent_ms`: when the provider accepted it, None
    if it never did. `attempts`: how many attempts there were. `detail`: the provider's id if it was sent, otherwise the
    reason.
    """

    status: DeliveryStatus
    at_ms: int
    attempts: int
    detail: str
    sent_ms: int | None = None
