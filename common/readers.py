"""Who reads a mail or SMS, and in which language and time zone: the same when it is sent, shown and tested."""

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
    The reader of what is sent to one owner.

    `signups`: of a step the enrollment's own, else theirs in every campaign; none for a guest who never signed up.
    `language`: the one that a signup chose; for a call else that of the calendar; else the campaign's default.
    `zone`: of the call, else of the signup, else of their last call where it matters, else the campaign's.
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
    All calls of somebody whose signup names no zone are read for it, so only where the campaign's texts name weeks, or
    somebody needs it. Raises as `Store.run` does.
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
    """`signups`: of the guest, if it is a call. `call_zones`: of the enrollment's calls, the newest first."""
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
