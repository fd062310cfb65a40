"""Sample people and meetings: what the load check, the tests and the preview render for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from common.campaigns.campaign import Campaign, Rendered
from common.campaigns.facts import Identity, Meeting
from common.domain.contact import Assessment
from common.domain.segment import Segment

IDENTITY = Identity(
    sender_name="Sarah at BusinessX",
    sender="Sarah at BusinessX <sarah@businessx.example>",
    reply_to="sarah@businessx.example",
    postal_address="BusinessX Canada, 100 Queen Street West, Toronto ON M5H 2N2",
    booking_url="https://cal.com/businessx/diagnostic",
)
UNSUBSCRIBE_URL = "https://advent.example/unsubscribe/sample"

_COUNTS = {Segment.CRITICAL: (3, 2, 2, 1), Segment.URGENT: (1, 2, 3, 2), Segment.OPTIMIZE: (0, 1, 3, 4)}
"""Red, orange, yellow, green."""
_SCORES = {Segment.CRITICAL: 38, Segment.URGENT: 57, Segment.OPTIMIZE: 81}


def fullest(segment: Segment) -> Assessment:
    """Everything told."""
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
    """Only what a signup must have."""
    return Assessment(email="j@example.com", first_name="J.", assessment_score=_SCORES[segment])


def half_told(segment: Segment) -> Assessment:
    """Counts but no names; a system of their own words; a leak of cents."""
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
    """Values that look like HTML, Markdown, templates and headers."""
    return Assessment(
        email="ben@example.com",
        first_name="Ben <b> [x](http://evil.example) *&*",
        business_name='"Cut & Run"\r\nBcc: all@example.com {{ first_name }} <script>',
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


PEOPLE = {"full": fullest, "sparse": sparsest, "half": half_told, "awkward": awkward}

_START = datetime(2025, 12, 4, 14, 0, tzinfo=UTC)
MEETINGS = {
    "full": Meeting(
        first_name="Ada",
        start=_START,
        timezone="America/Toronto",
        title="Diagnostic call",
        join_url="https://meet.example.com/ada",
        organizer="Sarah",
    ),
    "sparse": Meeting(first_name=None, start=_START, timezone=None),
}


def mails(campaign: Campaign, identity: Identity, *, kind: str) -> Iterator[tuple[str, Rendered]]:
    """Every step for every segment, and every reminder, for one kind of sample: `full`, `sparse`, `half`, `awkward`."""
    for step in campaign.steps:
        for segment in Segment:
            rendered = campaign.render(
                step.number,
                PEOPLE[kind](segment),
                segment=segment,
                identity=identity,
                unsubscribe_url=UNSUBSCRIBE_URL,
            )
            yield f"{step.number}-{step.name.replace(' ', '-')}.{segment.lower()}.{kind}", rendered
    if kind in MEETINGS:
        for reminder in campaign.reminders:
            mail = campaign.render_reminder(reminder.name, MEETINGS[kind], identity, UNSUBSCRIBE_URL)
            yield f"reminder-{reminder.name}.{kind}", mail


def preview_pages(campaign: Campaign, identity: Identity) -> Iterable[tuple[str, Rendered]]:
    """(`1-results.critical.full`, mail) for every mail and segment, told fully and sparsely, and every reminder."""
    for kind in ("full", "sparse"):
        yield from mails(campaign, identity, kind=kind)
