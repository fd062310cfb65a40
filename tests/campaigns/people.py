"""Sample people of christmas_2025, given as the website gives them."""

from __future__ import annotations

from common.domain.contact import Assessment, Segment

_COUNTS = {Segment.CRITICAL: (3, 2, 2, 1), Segment.URGENT: (1, 2, 3, 2), Segment.OPTIMIZE: (0, 1, 3, 4)}
"""Numbers of red, orange, yellow and green systems."""
_SCORES = {Segment.CRITICAL: 38, Segment.URGENT: 57, Segment.OPTIMIZE: 81}


def fullest(segment: Segment) -> Assessment:
    """Return an assessment with every value given."""
    red, orange, yellow, green = _COUNTS[segment]
    return Assessment(
        email="ada@example.com",
        first_name="Ada",
        business_name="Maple & Main Salon",
        assessment_score=_SCORES[segment],
        gps_score=44,
        money_score=52.5,
        weakest_system_1="CREW",
        weakest_system_2="RADAR",
        strongest_system="CABIN",
        revenue_leak_total=4200,
        red_systems=red,
        orange_systems=orange,
        yellow_systems=yellow,
        green_systems=green,
    )


def sparsest(segment: Segment) -> Assessment:
    """Return an assessment with only the required values."""
    return Assessment(email="j@example.com", first_name="J.", assessment_score=_SCORES[segment])


def half_reported(segment: Segment) -> Assessment:
    """
    Return an assessment with counts but no system names, a system in the contact's own words, and a leak of cents.
    """
    red, orange, yellow, green = _COUNTS[segment]
    return Assessment(
        email="boris@example.com",
        first_name="Boris",
        assessment_score=0,
        weakest_system_1="front desk",
        revenue_leak_total=0.4,
        red_systems=red,
        orange_systems=orange,
        yellow_systems=yellow,
        green_systems=green,
    )


def awkward(segment: Segment) -> Assessment:
    """Return an assessment with values that look like Markdown and headers; anything worse is never shown."""
    return Assessment(
        email="ben@example.com",
        first_name="Ben *&* [x] `bb` #1",
        business_name='"Cut & Run"\r\nBcc: 1. <3 | _all_ {all}',
        assessment_score=100,
        gps_score=0,
        money_score=0,
        weakest_system_1="# 1. the *front* desk_and_phones",
        weakest_system_2="engine (service)",
        strongest_system="Auto-Pilot",
        revenue_leak_total=1234567.5,
        red_systems=8 if segment is Segment.CRITICAL else 0,
        orange_systems=8 if segment is Segment.URGENT else 0,
        green_systems=8 if segment is Segment.OPTIMIZE else 0,
    )


PEOPLE = {"full": fullest, "sparse": sparsest, "half": half_reported, "awkward": awkward}
