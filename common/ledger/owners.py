"""Whose a delivery is: an enrollment, or the guest of a booking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from common.domain.delivery import Delivery
from common.domain.enrollment import Enrollment
from common.domain.ids import EnrollmentId
from common.domain.series import Booking
from common.ledger.booking_codec import read_booking
from common.ledger.codec import read_enrollment

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
