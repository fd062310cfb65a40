"""Five hundred people in two campaigns at once, in virtual time, while the provider fails now and then."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
import redis.asyncio

from actors.upkeep.audit import audit
from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import Campaigns
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment
from common.domain.mail import Mail
from common.domain.notion_import import SequenceRow
from common.domain.projection import sequence_row
from common.errors import Ambiguous, Failure, Transient
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from services.simulation.scenarios import random_assessment
from tests.packaged import packaged_campaigns

HOUR_MS = 3_600_000
GAP_MS = 20 * HOUR_MS
"""The larger of the two campaigns' gaps."""
PEOPLE = 500


@pytest.fixture(scope="module")
def campaigns() -> Campaigns:
    return packaged_campaigns("christmas_2025", "new_year_2026")


@pytest.fixture
def both(store: redis.asyncio.Redis, campaigns: Campaigns, clock: VirtualClock) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    return Simulation(store, campaigns, settings, clock=clock, seed=1, concurrency=32)


@dataclass
class NotionRows:
    """The rows of one campaign, as the mirror last wrote them."""

    simulation: Simulation
    campaign: Campaign

    async def read(self) -> AsyncIterator[SequenceRow]:
        columns = self.campaign.notion_columns
        for person in self.simulation.mirror.rows.values():
            if isinstance(person, Enrollment) and person.campaign == self.campaign.key:
                values = sequence_row(person, columns, title=person.id).values
                names = frozenset({*values, *columns.steps.values()})
                yield SequenceRow(
                    page_id=f"page-{person.id}", title="", created="", edited="", values=values, columns=names
                )


class Weather:
    """Fails one request in ten; half of the failed ones are accepted nevertheless."""

    def __init__(self) -> None:
        self._random = Random(7)

    def failure(self, _mail: Mail) -> Failure | None:
        draw = self._random.random()
        if draw < 0.05:
            return Ambiguous("timeout")
        return Transient("busy", status=500) if draw < 0.1 else None


async def sign_up_everybody(both: Simulation) -> None:
    """Sign up each contact for both campaigns, at two random hours of two days."""
    draw = Random(3)
    signups: list[tuple[int, str, Assessment]] = []
    for number in range(PEOPLE):
        person = random_assessment(number, draw)
        locale = draw.choice((None, "en-CA", "fr", "fr-FR"))
        for campaign in ("christmas_2025", "new_year_2026"):
            known = {**vars_of(person), "locale": locale}
            signups.append((draw.randrange(48) * HOUR_MS, campaign, Assessment(**known)))
    started_ms = both.clock.now_ms()
    for after_ms, campaign, person in sorted(signups, key=lambda signup: signup[:2]):
        await both.run(until_ms=started_ms + after_ms)
        await both.sign_up(person, campaign=campaign)
    await both.run()


def vars_of(person: Assessment) -> dict[str, object]:
    return {name: getattr(person, name) for name in person.__dataclass_fields__}


@pytest.mark.timeout(180)  # Simulates days of many contacts.
async def test_five_hundred_contacts_in_two_campaigns_lose_and_double_no_mail(
    both: Simulation, campaigns: Campaigns
) -> None:
    both.mailer.failure = Weather().failure
    await asyncio.wait_for(sign_up_everybody(both), timeout=600)

    mails = defaultdict(list)
    for at_ms, mail in both.mailer.accepted_mails:
        mails[mail.to].append((at_ms, mail))

    # No mail is lost or doubled.
    assert len(mails) == PEOPLE
    assert Counter(mail.tags["campaign"] for _, mail in both.mailer.accepted_mails) == {
        "christmas_2025": PEOPLE * 7,
        "new_year_2026": PEOPLE * 3,
    }
    assert {len(copies) for copies in both.mailer.accepted_by_key.values()} == {1}

    too_close = [
        (address, later_ms - earlier_ms)
        for address, some in mails.items()
        for (earlier_ms, earlier), (later_ms, later) in pairwise(some)
        if earlier.tags["campaign"] != later.tags["campaign"] and later_ms - earlier_ms < GAP_MS
    ]
    assert too_close == []

    # Each mail has one language, which is the same for all mails of a contact.
    for some in mails.values():
        tags = {mail.html.partition('lang="')[2].partition('"')[0] for _, mail in some}
        french = [("Se désabonner" in mail.html, "Unsubscribe" in mail.html) for _, mail in some]
        assert len(tags) == 1
        assert set(french) == {(tags == {"fr-CA"}, tags == {"en-CA"})}

    for campaign in campaigns.values():
        report = await audit(both.world, NotionRows(both, campaign), campaign=campaign)  # type: ignore[arg-type]
        assert (report.findings, report.people) == ([], PEOPLE)
