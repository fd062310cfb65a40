"""What the ledger has to know of a campaign: when its mails are due, and how it reads a signup."""

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

    `segment_of`: the segment that an assessment leads to. `language_named`: the campaign's language that a locale
    names, None when it names none of them. `priority`: of two campaigns whose mails are due, the lower one goes first.
    `excludes`: who is in one of these does not enrol. `is_open`: whether people may enrol at a time, ms.
    `window`: when its steps may go; None: at any hour. `zone_of`: the first of these names that is a time zone, else
    the campaign's. `version`: the one in force, as far as this process knows; None: it plays its files, whatever the
    store says.
    """

    key: str
    cadence: Cadence
    segment_of: Callable[[Assessment], str] = field(default=lambda assessment: assessment.segment)
    language_named: Callable[[str | None], str | None] = field(default=_no_language)
    priority: int = 0
    excludes: tuple[str, ...] = ()
    is_open: Callable[[int], bool] = field(default=_always_open)
    window: Window | None = None
    zone_of: Callable[..., ZoneInfo] = field(default=_utc)
    version: str | None = None
