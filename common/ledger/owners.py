"""Whose a delivery is: an enrollment, or the guest of a booking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from common.domain.delivery import Delivery, Record, delivery_of
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, EnrollmentId
from common.domain.series import Booking
from common.ledger import keys
from common.ledger.booking_codec import read_booking
from common.ledger.codec import read_enrollment, read_records, versions_of
from common.ledger.store import Store, texts

Owner = Enrollment | Booking


class Owned(Protocol):
    """
    A delivery together with its owner: a claim, or a dead letter.

    `contact_id`: who gets it; the id that their enrollment has or would have. `payload`: of an earlier attempt, the
    first of which was at `first_attempt_ms`.
    """

    @property
    def delivery(self) -> Delivery: ...

    @property
    def owner(self) -> Owner: ...

    @property
    def contact_id(self) -> EnrollmentId: ...

    @property
    def address(self) -> str: ...

    @property
    def campaign(self) -> str: ...

    @property
    def payload(self) -> str | None: ...

    @property
    def first_attempt_ms(self) -> int | None: ...


def read_owner(owner_id: str, fields: Mapping[str, str]) -> tuple[Owner, EnrollmentId, str]:
    """
    (Owner, contact, address) from the owner's HASH. Raises KeyError or ValueError when the scripts did not write it.
    """
    if owner_id.startswith("enr_"):
        return read_enrollment(owner_id, fields), EnrollmentId(owner_id), fields["email"]
    return read_booking(owner_id, fields), EnrollmentId(fields["contact"]), fields["email"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who gets, or got, a delivery. `record`: what became of it; `version`: of the campaign that rendered it."""

    delivery: Delivery
    owner: Owner
    contact_id: EnrollmentId
    address: str
    campaign: str
    record: Record | None
    version: str | None


async def read_recipient(store: Store, delivery_id: DeliveryId) -> Recipient | None:
    """None when nobody knows whose it is. Raises ValueError for what is no delivery's id; as `Store.run` does."""
    return next(iter(await read_recipients(store, [delivery_id])), None)


async def read_recipients(store: Store, ids: Sequence[DeliveryId]) -> list[Recipient]:
    """Of these, those that somebody gets, in one round trip. Raises likewise."""
    deliveries = [delivery_of(id) for id in ids]

    async def ask() -> Any:
        pipe = store.client.pipeline(transaction=False)
        for delivery in deliveries:
            pipe.hgetall(keys.owner(delivery.owner))
        return texts(await pipe.execute())

    hashes = await store.patiently(ask) if deliveries else []
    return [_recipient(one, fields) for one, fields in zip(deliveries, hashes, strict=True) if "email" in fields]


def _recipient(delivery: Delivery, fields: Mapping[str, str]) -> Recipient:
    owner, contact_id, address = read_owner(delivery.owner, fields)
    return Recipient(
        delivery=delivery,
        owner=owner,
        contact_id=contact_id,
        address=address,
        campaign=fields["campaign"],
        record=read_records(fields).get(delivery.name),
        version=versions_of(fields.get("versions", "")).get(delivery.name),
    )
