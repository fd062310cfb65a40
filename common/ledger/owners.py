"""The owner of a delivery: an enrollment, or a guest of a booking."""

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

    `contact_id`: the recipient; the id that their enrollment has or would have. `payload`: the payload of earlier
    attempts; `first_attempt_ms`: time of the first one. Both are None if there was none.
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
    Return (owner, contact, address) from the owner's HASH. Raises KeyError or ValueError if the scripts did not write
    it.
    """
    if owner_id.startswith("enr_"):
        return read_enrollment(owner_id, fields), EnrollmentId(owner_id), fields["email"]
    return read_booking(owner_id, fields), EnrollmentId(fields["contact"]), fields["email"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """
    A delivery with its recipient.

    `owner`: the enrollment or booking guest that it belongs to. `contact_id`: the recipient; the id that their
    enrollment has or would have. `campaign`: the owner's campaign. `record`: what became of the delivery; `version`:
    the campaign version that rendered it, if it was sent.
    """

    delivery: Delivery
    owner: Owner
    contact_id: EnrollmentId
    address: str
    campaign: str
    record: Record | None
    version: str | None


async def read_recipient(store: Store, delivery_id: DeliveryId) -> Recipient | None:
    """
    Return the recipient of a delivery, or None if its owner is unknown.

    Raises ValueError if this is no delivery's id, and as `Store.run` does.
    """
    return next(iter(await read_recipients(store, [delivery_id])), None)


async def read_recipients(store: Store, ids: Sequence[DeliveryId]) -> list[Recipient]:
    """Return the deliveries among these whose owner is known, in one round trip. Raises as `read_recipient` does."""
    deliveries = [delivery_of(id) for id in ids]

    async def ask() -> Any:
        pipe = store.client.pipeline(transaction=False)
        for delivery in deliveries:
            pipe.hgetall(keys.owner(delivery.owner))
        return texts(await pipe.execute())

    hashes = await store.call(ask) if deliveries else []
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
