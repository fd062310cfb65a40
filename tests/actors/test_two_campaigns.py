"""One person in two campaigns at once: the real actors and scripts, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import redis.asyncio

from common.campaigns.campaigns import Campaigns, load_campaigns
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.errors import Ambiguous, Failure
from common.ledger import keys
from common.ledger.pauses import Pause, campaign_scope
from common.settings.settings import Settings
from services.simulation.engine import Simulation

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CHRISTMAS, NEW_YEAR = "christmas_2025", "new_year_2026"
GAP_MS = 20 * HOUR_MS


@pytest.fixture(scope="module")
def campaigns() -> Campaigns:
    return load_campaigns((CHRISTMAS, NEW_YEAR))


@pytest.fixture
def both(store: redis.asyncio.Redis, campaigns: Campaigns, clock: VirtualClock) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    return Simulation(store, campaigns, settings, clock=clock)


def sent(both: Simulation, address: str) -> list[tuple[int, str]]:
    """(When, `new_year_2026/step-2`) of each mail, in order."""
    return [
        (at_ms, f"{mail.tags['campaign']}/{mail.tags.get('step', mail.tags.get('reminder', ''))}")
        for at_ms, mail in both.mailer.accepted_mails
        if mail.to == address
    ]


def steps(both: Simulation, address: str, campaign: str) -> list[str]:
    found = [name.partition("/") for _, name in sent(both, address)]
    return [step for key, _, step in found if key == campaign]


async def test_two_first_mails_are_never_closer_than_the_larger_gap(both: Simulation, ada: Assessment) -> None:
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.run()

    mails = sent(both, ada.email)
    assert [name for _, name in mails[:2]] == ["christmas_2025/step-1", "new_year_2026/step-1"]
    assert len(mails) == 7 + 3
    for (earlier_ms, earlier), (later_ms, later) in pairwise(mails):
        if earlier.partition("/")[0] != later.partition("/")[0]:
            assert later_ms - earlier_ms >= GAP_MS


async def test_a_mail_that_may_be_out_holds_back_those_of_another_campaign(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    fails = iter([Ambiguous("timeout")])

    def failure(_mail: object) -> Failure | None:
        return next(fails, None)

    both.mailer.failure = failure
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.run(until_ms=clock.now_ms() + 1)  # Its outcome is unknown, and it is tried again in a minute.
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + 10 * HOUR_MS)

    assert [name for _, name in sent(both, ada.email)] == ["christmas_2025/step-1"]


async def test_people_of_one_campaign_are_not_kept_back(both: Simulation, ada: Assessment, boris: Assessment) -> None:
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.sign_up(boris, campaign=CHRISTMAS)
    await both.run()

    first_ms = sent(both, ada.email)[0][0]
    assert sent(both, boris.email)[0][0] == first_ms
    assert [at_ms - first_ms for at_ms, _ in sent(both, ada.email)] == [0, 3 * DAY_MS, 7 * DAY_MS]


async def test_a_booking_acts_on_each_campaign_by_its_own_policy(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + 2 * DAY_MS)
    await both.book(ada.email, clock.now_ms() + 5 * DAY_MS, uid="A")
    await both.run()

    assert steps(both, ada.email, NEW_YEAR) == ["step-1"]
    assert [step for step in steps(both, ada.email, CHRISTMAS) if step.startswith("step")] == [
        f"step-{number}" for number in range(1, 8)
    ]
    assert [step for step in steps(both, ada.email, CHRISTMAS) if not step.startswith("step")] == ["72h", "24h", "2h"]


async def test_somebody_of_the_second_campaign_alone_is_reminded_once_and_not_written_to_further(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await both.sign_up(replace(ada, locale="fr"), campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + DAY_MS)
    await both.book(ada.email, clock.now_ms() + 5 * DAY_MS, uid="A", locale="en")
    await both.run()

    assert [name.partition("/")[2] for _, name in sent(both, ada.email)] == ["step-1", "72h", "24h", "2h"]
    assert {mail.html.partition('lang="')[2][:5] for mail in both.mailer.inbox_of(ada.email)} == {"fr-CA"}
    booking = both.mirror.bookings[enrollment_id(NEW_YEAR, ada.email)]
    assert booking is not None
    assert booking.status == "Booked"


async def test_a_pause_of_one_campaign_leaves_the_other_alone(
    both: Simulation, clock: VirtualClock, ada: Assessment, boris: Assessment
) -> None:
    pauses = both.ledger.pauses
    await pauses.start(campaign_scope(NEW_YEAR), Pause(since_ms=clock.now_ms(), by="ada", reason=""))
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.sign_up(boris, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + 30 * HOUR_MS)

    assert [name for _, name in sent(both, ada.email)] == ["christmas_2025/step-1", "christmas_2025/step-2"]
    assert sent(both, boris.email) == []

    await pauses.finish(campaign_scope(NEW_YEAR), now_ms=clock.now_ms())
    await both.run()
    assert steps(both, boris.email, NEW_YEAR) == ["step-1", "step-2", "step-3"]
    assert steps(both, ada.email, NEW_YEAR) == ["step-1", "step-2", "step-3"]


async def test_who_is_forgotten_is_forgotten_in_every_campaign(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + DAY_MS)

    await both.ledger.contacts.forget(await both.ledger.contacts.traces(ada.email), now_ms=clock.now_ms())

    for campaign in (CHRISTMAS, NEW_YEAR):
        assert not await both.ledger.client.exists(keys.enrollment(enrollment_id(campaign, ada.email)))


async def test_a_campaign_that_is_no_longer_played_waits(
    both: Simulation, store: redis.asyncio.Redis, campaigns: Campaigns, clock: VirtualClock, ada: Assessment
) -> None:
    await both.sign_up(ada, campaign=NEW_YEAR)
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    alone = Simulation(store, campaigns[CHRISTMAS], settings, clock=clock)
    await alone.run(until_ms=clock.now_ms() + DAY_MS)

    assert alone.mailer.accepted_mails == []
