"""The facts about a campaign that the ledger needs: when its mails are due and how to read a signup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.windows import Window


def _no_language(_locale: str | None) -> str | None:
    return None


def _always_open(_at_ms: int) -> bool:
    return True


def _utc(*_names: str | None) -> ZoneInfo:
    return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTerms:
    """
    One campaign at the pace of this process.

    `segment_of`: returns the segment for an assessment. `matching_language`: returns the campaign's language for a
    locale, or None when the campaign lacks it. `priority`: when mails of two campaigns are due, the campaign with the
    lower number sends first. `excludes`: keys of campaigns whose contacts cannot enrol in this one. `is_open`: returns
    whether contacts may enrol at a time (ms). `window`: the hours in which steps may be sent, None for any hour.
    `zone_of`: returns the first of the given names that is a time zone, or the campaign's own zone when none is.
    `version`: the version in force as far as this process knows, or None when it uses campaign files and
    ignores the version in force.
    """

    key: str
    cadence: Cadence
    segment_of: Callable[[Assessment], str] = field(default=lambda assessment: assessment.segment)
    matching_language: Callable[[str | None], str | None] = field(default=_no_language)
    priority: int = 0
    excludes: tuple[str, ...] = ()
    is_open: Callable[[int], bool] = field(default=_always_open)
    window: Window | None = None
    zone_of: Callable[..., ZoneInfo] = field(default=_utc)
    version: str | None = None
