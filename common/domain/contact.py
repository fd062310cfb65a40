"""A contact's assessment as a signup reported it, their segment and their consent."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Segment(StrEnum):
    CRITICAL = "CRITICAL"
    URGENT = "URGENT"
    OPTIMIZE = "OPTIMIZE"


def segment_of(*, red: int, orange: int) -> Segment:
    """CRITICAL at 2 or more red systems; URGENT at 1 red, or at 2 or more orange; else OPTIMIZE."""
    if red >= 2:
        return Segment.CRITICAL
    if red == 1 or orange >= 2:
        return Segment.URGENT
    return Segment.OPTIMIZE


Number = int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the person agreed to, on which page or form, and when (UTC ms), as far as the website said."""

    text: str | None = None
    source: str | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsConsent:
    """
    What the person said of SMS: yes or no, for which number, on which page or form, and when (UTC ms).

    `at_ms`: None until the ledger keeps it, which knows when the signup came.
    """

    is_given: bool
    number: str | None = None
    source: str | None = None
    at_ms: int | None = None

    @classmethod
    def of_signup(cls, is_given: bool, *, number: str | None, source: str | None, at_ms: int | None) -> SmsConsent:
        """`source`, `at_ms`: of the consent to mail that came with it."""
        return cls(is_given=is_given, number=number, source=source or "signup", at_ms=at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """
    One finished assessment, as the website posted it.

    `email` is trimmed and lower-cased. `first_name`: "" when none can be used. `assessment_score`, `gps_score`,
    `money_score`: 0..100. The four counts: 0..8, together at most 8. `revenue_leak_total`: dollars, ≥ 0. None:
    not given. `extra`: unknown fields, kept.
    """

    email: str
    first_name: str
    assessment_score: Number | None = None
    business_name: str | None = None
    red_systems: int = 0
    orange_systems: int = 0
    yellow_systems: int = 0
    green_systems: int = 0
    gps_score: Number | None = None
    money_score: Number | None = None
    weakest_system_1: str | None = None
    weakest_system_2: str | None = None
    strongest_system: str | None = None
    revenue_leak_total: Number | None = None
    phone: str | None = None
    timezone: str | None = None
    locale: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    consent: Consent | None = None
    sms_consent: SmsConsent | None = None

    @property
    def segment(self) -> Segment:
        return segment_of(red=self.red_systems, orange=self.orange_systems)
