"""Which campaign is meant, and which enrollments one person has in the others."""

from __future__ import annotations

from collections.abc import Mapping

from common.domain.campaign_terms import CampaignTerms
from common.domain.ids import EnrollmentId, enrollment_id


def terms_of(campaigns: Mapping[str, CampaignTerms], key: str | None) -> CampaignTerms:
    """The campaign of this key; None: the first one. Raises KeyError for one that is not played here."""
    return campaigns[key] if key is not None else next(iter(campaigns.values()))


def contact_of(campaigns: Mapping[str, CampaignTerms], terms: CampaignTerms, address: str) -> EnrollmentId | None:
    """The id with which a person's calls are kept, where it is not that of their enrollment in this campaign."""
    first = terms_of(campaigns, None)
    return None if first.key == terms.key else enrollment_id(first.key, address)


def other_enrollments(campaigns: Mapping[str, CampaignTerms], terms: CampaignTerms, address: str) -> list[EnrollmentId]:
    """The enrollments that this person has, or would have, in the campaigns beside this one."""
    return [enrollment_id(key, address) for key in campaigns if key != terms.key]
