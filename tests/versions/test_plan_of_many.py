"""`plan` for seven kinds of edit with 10,000 active contacts: the counts are exact and take seconds."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.campaigns import Campaigns
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.versions.people import people_of
from common.versions.plan import ContactUnderWay, compare
from tests.texting import texting_campaign
from tests.versions import edits
from tests.versions.conftest import KEY

HOUR_MS = edits.HOUR_MS
PEOPLE = 10_000
SECONDS_MAX = 10
OFFSETS_H = (0, 24, 72, 120, 168, 216, 264)


def reds(number: int) -> int:
    """Return a contact's number of red systems, so that CRITICAL, URGENT and OPTIMIZE alternate."""
    return (2, 1, 0)[number % 3]


def hours(number: int) -> int:
    """Return the full hours since the signup: below ten days, so that every contact has a planned step."""
    return number % 240


@pytest.fixture
async def people(store, campaign, clock, settings) -> list[ContactUnderWay]:
    """Write contacts as the ledger does, with all due steps sent and the next one planned. Return them."""
    now_ms, pipe = clock.now_ms(), store.pipeline(transaction=False)
    for number in range(PEOPLE):
        anchor_ms = now_ms - hours(number) * HOUR_MS - HOUR_MS // 2
        email = f"p{number}@example.org"
        owner = enrollment_id(KEY, email)
        assessment = Assessment(
            email=email, first_name="P", assessment_score=50, red_systems=reds(number), orange_systems=0
        )
        sent = [step for step, hour in enumerate(OFFSETS_H, 1) if hour <= hours(number)]
        following = len(sent) + 1
        due_ms = anchor_ms + OFFSETS_H[following - 1] * HOUR_MS
        fields = codec.assessment_fields(assessment) | {
            "campaign": KEY,
            "status": "active",
            "segment": campaign.segment_of(assessment),
            "anchor_ms": anchor_ms,
            "next": f"step-{following}",
            f"/step-{following}": f"planned {due_ms}",
            **{f"/step-{step}": f"accepted {anchor_ms} 1 +0 id" for step in sent},
        }
        if number % 2:
            fields["language"] = "fr-CA"
        pipe.hset(keys.enrollment(owner), mapping=fields)
        pipe.zadd(keys.UNDER_WAY, {owner: 0})
    await pipe.execute()
    ledger = Ledger.of(store, Campaigns(campaign).terms(settings.pace), secret_key="s" * 32)
    return [person async for person in people_of(ledger, KEY)]


def before(hour: float) -> list[int]:
    """Return the contacts who have not reached this hour after their signup."""
    return [number for number in range(PEOPLE) if hours(number) + 0.5 < hour]


@pytest.mark.timeout(180)  # The fixture writes ten thousand contacts first.
async def test_every_kind_of_edit_is_counted_exactly_in_seconds(people, campaign, clock, settings):
    found = {}
    for edit in (edits.text, edits.subject, edits.moved, edits.added, edits.removed, edits.segment, edits.language):
        target, began = campaign_of(edit(campaign.compiled)), time.monotonic()
        plan = compare(campaign, target, people, pace=settings.pace, now_ms=clock.now_ms())
        assert time.monotonic() - began < SECONDS_MAX, edit.__name__
        assert (plan.people, plan.repeated) == (PEOPLE, ())
        found |= {(edit.__name__, one.kind, one.step): one.people for one in plan.changes}

    assert found == {
        ("text", "text", "step-3"): sum(number % 2 == 0 for number in before(72)),
        ("subject", "subject", "step-5"): len(before(168)),
        ("moved", "moved", "step-4"): len(before(120)),
        ("added", "added", "step-8"): len(before(96)),
        ("removed", "removed", "step-6"): len(before(216)),
        ("segment", "segment", None): sum(reds(number) == 1 for number in range(PEOPLE)),
        ("language", "language", None): 0,
    }


async def test_new_or_changed_sms_texts_change_no_mail(campaign, clock, settings, tmp_path):
    def plan(source: Campaign, target: Campaign, **reminded: int) -> tuple[set[tuple[str, str | None, int]], object]:
        found = compare(source, target, (), pace=settings.pace, now_ms=clock.now_ms(), reminded=reminded)
        return {(one.kind, one.step, one.people) for one in found.changes}, found.settings

    texting = texting_campaign(tmp_path)
    assert plan(campaign, texting) == ({("added", "24h.sms", 0), ("added", "missed.sms", 0)}, ("sms",))
    body = "reminders/24h.sms.md"
    english = texting.compiled.languages["en-CA"]
    changed = replace(english, bodies={**english.bodies, body: english.bodies[body] + "Thanks.\n"})
    languages = {**texting.compiled.languages, "en-CA": changed}
    rewritten = campaign_of(replace(texting.compiled, languages=languages))
    assert plan(texting, rewritten, **{"24h.sms": 3}) == ({("text", "24h.sms", 3)}, ())
    removed = {("removed", "24h.sms", 2), ("removed", "missed.sms", 0)}
    assert plan(texting, campaign, **{"24h.sms": 2}) == (removed, ("sms",))


@pytest.mark.timeout(180)
async def test_plan_names_a_text_already_sent_under_another_step_id(people, campaign, clock, settings):
    plan = compare(
        campaign, campaign_of(edits.copied(campaign.compiled)), people, pace=settings.pace, now_ms=clock.now_ms()
    )

    had = PEOPLE - len(before(72))
    assert plan.repeated == (
        f"step-9 has the text of step-3, which {had:,} people under way have had;"
        " keep the id step-3, or write another text",
    )


@pytest.mark.timeout(180)
async def test_contacts_with_a_moved_step_that_is_due_at_once_are_counted(people, campaign, clock, settings):
    plan = compare(
        campaign, campaign_of(edits.moved(campaign.compiled)), people, pace=settings.pace, now_ms=clock.now_ms()
    )

    assert plan.due_at_once == len(before(120)) - len(before(110))
