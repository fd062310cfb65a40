"""The reader of a mail or SMS, with language and time zone: the same when it is sent, shown and tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from common.campaigns.campaign import Campaign
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment
from common.ledger.ledger import Ledger
from common.ledger.owners import Owned, Owner, Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """
    The reader of the deliveries to one owner.

    `signups`: for a step, the enrollment's own signup; for a call, the guest's signups in every campaign, none if they
    never signed up. `language`: the one that a signup chose; for a call without such a signup, the one that Cal.com
    reported; by default the campaign's first. `zone`: of the first that has one: the call, the signup, the contact's
    calls (only if the zone matters), the campaign.
    """

    owner: Owner
    signups: Sequence[Assessment]
    language: str
    zone: ZoneInfo

    @property
    def signup(self) -> Assessment | None:
        return next(iter(self.signups), None)


async def read_reader(
    ledger: Ledger, campaign: Campaign, item: Owned | Recipient, *, needs_zone: bool = False
) -> Reader:
    """
    Read the reader of a delivery. Raises as `Store.run` does.

    For a signup without a time zone all calls of the contact would have to be read. This is done only if `needs_zone`,
    or if the campaign's texts count weeks.
    """
    owner = item.owner
    if isinstance(owner, Enrollment):
        matters = not owner.assessment.timezone and (needs_zone or bool(campaign.compiled.weeks))
        zones = await ledger.bookings.timezones(owner.contact_id) if matters else []
        return reader_of(campaign, owner, call_zones=zones)
    signups = [one async for one in ledger.enrollments.of_guest(item.contact_id, item.address)]
    return reader_of(campaign, owner, signups)


def reader_of(
    campaign: Campaign, owner: Owner, signups: Sequence[Enrollment] = (), *, call_zones: Sequence[str | None] = ()
) -> Reader:
    """`signups`: the guest's, if the owner is a call. `call_zones`: the zones of the contact's calls, newest first."""
    if isinstance(owner, Enrollment):
        return Reader(
            owner=owner,
            signups=[owner.assessment],
            language=owner.language or campaign.languages[0],
            zone=campaign.zone_of(owner.assessment.timezone, *call_zones),
        )
    chosen = next((one.language for one in signups if one.language in campaign.languages), None)
    return Reader(
        owner=owner,
        signups=[one.assessment for one in signups],
        language=chosen or campaign.language_of(owner.locale),
        zone=campaign.zone_of(owner.timezone, *[one.assessment.timezone for one in signups]),
    )
