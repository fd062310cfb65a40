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
    """Return CRITICAL for 2 or more red systems, URGENT for 1 red or for 2 or more orange ones, otherwise OPTIMIZE."""
    if red >= 2:
        return Segment.CRITICAL
    if red == 1 or orange >= 2:
        return Segment.URGENT
    return Segment.OPTIMIZE


Number = int | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The text that the contact agreed to, on which page or form, and when (UTC ms). None: the website did not say."""

    text: str | None = None
    source: str | None = None
    at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsConsent:
    """
    The contact's answer about SMS: yes or no, for which number, on which page or form, and when (UTC ms).

    `at_ms`: may be None until the ledger stores the consent; the ledger then uses the time of the signup.
    """

    is_given: bool
    number: str | None = None
    source: str | None = None
    at_ms: int | None = None

    @classmethod
    def of_signup(cls, is_given: bool, *, number: str | None, source: str | None, at_ms: int | None) -> SmsConsent:
        """Build the consent from a signup. `source`, `at_ms`: those of the consent to mail in the same signup."""
        return cls(is_given=is_given, number=number, source=source or "signup", at_ms=at_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """
    One finished assessment, as the website posted it. None: not given.

    `email` is trimmed and lower-cased. `first_name`: "" when none can be used. `assessment_score`, `gps_score`,
    `money_score`: 0..100. The four counts of systems: 0..8 each, at most 8 in total. `revenue_leak_total`: dollars,
    ≥ 0. `extra`: the fields that are unknown here, stored as they came.
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

    @property
    def agrees_to_sms(self) -> bool:
        return self.sms_consent is not None and self.sms_consent.is_given

    @property
    def agreed_number(self) -> str | None:
        """The phone number for which the contact agreed to SMS, as they wrote it; None: they did not, or gave none."""
        given = self.sms_consent.number if self.sms_consent is not None else None
        return (given or self.phone) if self.agrees_to_sms else None

    @property
    def numbers(self) -> tuple[str, ...]:
        """The phone numbers that the contact gave, as they wrote them."""
        of_sms = self.sms_consent.number if self.sms_consent is not None else None
        return tuple(number for number in (of_sms, self.phone) if number)
