"""One person in two campaigns at once: the real actors and scripts, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import redis.asyncio

from actors.dead_letters import Way, plan
from common.campaigns.campaigns import Campaigns
from common.clock import VirtualClock
from common.domain.catch_up import late_mails
from common.domain.contact import Assessment
from common.domain.enrollment import ExitReason
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import EnrollmentId, booking_id, enrollment_id, reminder_delivery_id, step_delivery_id
from common.errors import Ambiguous, Failure
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.pauses import Pause, campaign_scope
from common.ledger.reads.backlog import backlog_of, overdue
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.ledger_reads import timeline_of
from tests.packaged import packaged_campaigns

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CHRISTMAS, NEW_YEAR = "christmas_2025", "new_year_2026"
GAP_MS = 20 * HOUR_MS


@pytest.fixture(scope="module")
def campaigns() -> Campaigns:
    return packaged_campaigns(CHRISTMAS, NEW_YEAR)


@pytest.fixture
def both(store: redis.asyncio.Redis, campaigns: Campaigns, clock: VirtualClock) -> Simulation:
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    return Simulation(store, campaigns, settings, clock=clock)


def sent(both: Simulation, address: str) -> list[tuple[int, str]]:
    """Return (time in ms, `new_year_2026/step-2`) of each mail, in order."""
    return [
        (at_ms, f"{mail.tags['campaign']}/{mail.tags.get('step', mail.tags.get('reminder', ''))}")
        for at_ms, mail in both.mailer.accepted_mails
        if mail.to == address
    ]


def steps(both: Simulation, address: str, campaign: str) -> list[str]:
    found = [name.partition("/") for _, name in sent(both, address)]
    return [step for key, _, step in found if key == campaign]


async def enroll_in_both(both: Simulation, person: Assessment) -> list[EnrollmentId]:
    """Sign a contact up for both campaigns. Return the enrollments, whose first mails are due now."""
    ids = [enrollment_id(campaign, person.email) for campaign in (CHRISTMAS, NEW_YEAR)]
    for campaign, id in zip((CHRISTMAS, NEW_YEAR), ids, strict=True):
        await both.sign_up(person, campaign=campaign)
        enrollment = await both.ledger.enrollments.get(id)
        assert enrollment is not None
        await both.ledger.signups.enroll(enrollment, now_ms=both.clock.now_ms(), announce=False)
    return ids


async def test_mails_of_two_campaigns_are_never_closer_than_the_larger_gap(both: Simulation, ada: Assessment) -> None:
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.run()

    mails = sent(both, ada.email)
    assert [name for _, name in mails[:2]] == ["christmas_2025/step-1", "new_year_2026/step-1"]
    assert len(mails) == 7 + 3
    for (earlier_ms, earlier), (later_ms, later) in pairwise(mails):
        if earlier.partition("/")[0] != later.partition("/")[0]:
            assert later_ms - earlier_ms >= GAP_MS


async def test_first_campaigns_mail_deferred_for_days_by_a_wrong_clock_is_still_sent_first(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    first, second = (step_delivery_id(enrolled, 1) for enrolled in await enroll_in_both(both, ada))
    put_off = {"claim_id": "", "not_before_ms": clock.now_ms() + 9 * DAY_MS, "wait_ms": HOUR_MS}
    await both.ledger.client.hset(keys.delivery(first), mapping=put_off)

    refused = await both.ledger.deliveries.claim(second, worker="w1", now_ms=clock.now_ms())
    assert refused == ClaimRefused("not yet", "", clock.now_ms() + 1_000)

    await both.ledger.client.hset(keys.delivery(first), "not_before_ms", clock.now_ms() + HOUR_MS)
    assert isinstance(
        await both.ledger.deliveries.claim(second, worker="w1", now_ms=clock.now_ms() + 1_000), ClaimGranted
    )


async def test_a_held_enrollment_of_the_first_campaign_delays_no_mail_of_the_second(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    christmas, new_year = await enroll_in_both(both, ada)
    await both.ledger.client.hset(keys.enrollment(christmas), "hold", "booking")

    second = step_delivery_id(new_year, 1)
    claim = await both.ledger.deliveries.claim(second, worker="w1", now_ms=clock.now_ms())
    assert isinstance(claim, ClaimGranted)


@pytest.mark.parametrize("where", ["the sending mail", "a dead letter"])
async def test_time_that_a_wrong_clock_recorded_delays_no_mail_of_another_campaign(
    both: Simulation, clock: VirtualClock, ada: Assessment, where: str
) -> None:
    christmas, new_year = await enroll_in_both(both, ada)
    client = both.ledger.client
    wrong_ms = clock.now_ms() + 9 * DAY_MS
    await client.hset(keys.enrollment(christmas), "hold", "booking")
    if where == "the sending mail":
        await client.hset(keys.enrollment(christmas), "sending", f"step-1 {wrong_ms}")
    else:
        attempt = {"outcome_unknown": "1", "attempted_ms": wrong_ms}
        await client.hset(keys.delivery(step_delivery_id(christmas, 1)), mapping=attempt)
        await client.hset(keys.enrollment(christmas), "/step-1", f"dead {clock.now_ms()} 1 0 timeout")

    second = step_delivery_id(new_year, 1)
    claim = await both.ledger.deliveries.claim(second, worker="w1", now_ms=clock.now_ms())
    assert isinstance(claim, ClaimGranted), claim


async def test_mail_of_unknown_outcome_holds_back_mail_of_another_campaign(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    fails = iter([Ambiguous("timeout")])

    def failure(_mail: object) -> Failure | None:
        return next(fails, None)

    both.mailer.failure = failure
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.run(until_ms=clock.now_ms() + 1)  # The outcome is unknown, and the retry is due in a minute.
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + 10 * HOUR_MS)

    assert [name for _, name in sent(both, ada.email)] == ["christmas_2025/step-1"]


async def test_contacts_of_one_campaign_only_are_not_held_back(
    both: Simulation, ada: Assessment, boris: Assessment
) -> None:
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


async def test_contact_of_the_second_campaign_only_is_reminded_once_and_gets_no_further_steps(
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
    assert booking.status == "Unmarked"


async def test_pause_of_one_campaign_does_not_affect_the_other(
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


async def late(both: Simulation, clock: VirtualClock, campaign: str | None) -> list[tuple[str, int]]:
    found = await overdue(both.ledger, now_ms=clock.now_ms(), campaign=campaign)
    mails = late_mails(found.backlogs, now_ms=clock.now_ms(), per_second=1e9)
    return [(mail.name, mail.at_ms) for mail in mails]


async def test_resume_plan_of_one_campaign_lists_only_its_steps_and_reminders(
    both: Simulation, clock: VirtualClock, ada: Assessment, boris: Assessment
) -> None:
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.sign_up(boris, campaign=NEW_YEAR)
    began_ms = clock.now_ms()
    await both.book(ada.email, began_ms + 60 * HOUR_MS, uid="A")
    await both.run(until_ms=began_ms + HOUR_MS)
    await both.ledger.pauses.start(campaign_scope(CHRISTMAS), Pause(since_ms=clock.now_ms(), by="ada", reason=""))
    await both.run(until_ms=began_ms + 37 * HOUR_MS)

    planned, others = await late(both, clock, CHRISTMAS), await late(both, clock, NEW_YEAR)
    await both.ledger.pauses.finish(campaign_scope(CHRISTMAS), now_ms=clock.now_ms())
    await both.run(until_ms=clock.now_ms() + HOUR_MS)

    assert sorted(planned) == [("24h", began_ms + 37 * HOUR_MS), ("step-2", began_ms + 37 * HOUR_MS)]
    assert others == []
    names = sorted(name.partition("/")[2] for _, name in sent(both, ada.email))
    assert names == ["24h", "step-1", "step-2"]


async def test_catch_up_plan_respects_the_sending_window(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    began_ms, who = clock.now_ms(), enrollment_id(NEW_YEAR, ada.email)
    await both.ledger.pauses.start(None, Pause(since_ms=began_ms, by="ada", reason=""))
    await both.sign_up(replace(ada, timezone="Europe/Berlin"), campaign=NEW_YEAR)
    await both.run(until_ms=began_ms + 10 * HOUR_MS)  # It is three in the morning in Berlin.

    planned, person = await late(both, clock, None), await backlog_of(both.ledger, who)
    await both.ledger.pauses.finish(None, now_ms=clock.now_ms())
    await both.run(until_ms=began_ms + DAY_MS)

    assert planned == [("step-1", began_ms + 15 * HOUR_MS)]
    assert sent(both, ada.email) == [(began_ms + 15 * HOUR_MS, f"{NEW_YEAR}/step-1")]
    assert person is not None
    assert person.opening_ms(began_ms + 10 * HOUR_MS) == began_ms + 15 * HOUR_MS


async def test_forgetting_a_contact_erases_the_enrollments_in_every_campaign(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + DAY_MS)

    await both.ledger.contacts.forget(await both.ledger.contacts.find_traces(ada.email), now_ms=clock.now_ms())

    for campaign in (CHRISTMAS, NEW_YEAR):
        assert not await both.ledger.client.exists(keys.enrollment(enrollment_id(campaign, ada.email)))


async def exit_reasons(both: Simulation, address: str) -> list[ExitReason | None]:
    found = [await both.ledger.enrollments.get(enrollment_id(key, address)) for key in (CHRISTMAS, NEW_YEAR)]
    return [enrollment.exit_reason if enrollment else None for enrollment in found]


async def test_suppressed_contact_exits_every_campaign_at_once(
    both: Simulation, clock: VirtualClock, ada: Assessment
) -> None:
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + DAY_MS)
    await both.ledger.suppressions.suppress(ada.email, ExitReason.SUPPRESSED, detail="by eve", now_ms=clock.now_ms())

    assert await exit_reasons(both, ada.email) == [ExitReason.SUPPRESSED] * 2
    for key in (CHRISTMAS, NEW_YEAR):
        lines = await timeline_of(both.ledger, enrollment_id(key, ada.email))
        assert ("suppressed", "by eve") in [(entry.what, entry.detail) for entry in lines]


@pytest.mark.parametrize(
    ("came_back_ms", "left"),
    [(None, [ExitReason.BOUNCED] * 2), (2, [ExitReason.BOUNCED, None])],
    ids=["new", "of before"],
)
async def test_bounce_in_one_campaign_ends_the_others_unless_unsuppressed_since(
    both: Simulation, clock: VirtualClock, ada: Assessment, came_back_ms: int | None, left: list[ExitReason | None]
) -> None:
    await both.sign_up(ada, campaign=CHRISTMAS)
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=clock.now_ms() + DAY_MS)
    hashed, now_ms = both.ledger.store.address_hash(ada.email), clock.now_ms()
    if came_back_ms is not None:
        await both.ledger.client.hset(keys.UNSUPPRESSED, hashed, f"{now_ms + came_back_ms} consent: by phone")
    who = enrollment_id(CHRISTMAS, ada.email)
    bounce = Feedback(
        kind=FeedbackKind.BOUNCED,
        delivery_id=step_delivery_id(who, 1),
        contact_id=who,
        event_ms=now_ms + 1,
        mailed_ms=now_ms - DAY_MS,
        received_ms=now_ms + 3,
        provider_id="re_1",
        address=ada.email,
    )
    await both.ledger.feedback.record(bounce, webhook_id="resend:1")

    assert await exit_reasons(both, ada.email) == left


async def test_mails_of_a_campaign_that_is_no_longer_played_wait(
    both: Simulation, store: redis.asyncio.Redis, campaigns: Campaigns, clock: VirtualClock, ada: Assessment
) -> None:
    await both.sign_up(ada, campaign=NEW_YEAR)
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion"}))
    alone = Simulation(store, campaigns[CHRISTMAS], settings, clock=clock)
    await alone.run(until_ms=clock.now_ms() + DAY_MS)

    assert alone.mailer.accepted_mails == []


async def test_known_mails_of_another_campaign_do_not_keep_a_reminder_lost_with_its_store_from_its_replay(both, ada):
    await both.sign_up(ada, campaign=NEW_YEAR)
    await both.run(until_ms=both.clock.now_ms() + DAY_MS)
    known_ms = both.mailer.accepted_mails[-1][0]
    start_ms = both.clock.now_ms() + 75 * HOUR_MS
    await both.book(ada.email, start_ms, uid="A")
    await both.run(until_ms=start_ms - 73 * HOUR_MS)
    both.clock.advance(2 * HOUR_MS)
    lost, now_ms = reminder_delivery_id(booking_id("A"), start_ms=start_ms, name="72h"), both.clock.now_ms()
    await both.ledger.deliveries.settle_restored(
        lost, CHRISTMAS, now_ms=now_ms, detail="restored", unknown_since_ms=known_ms
    )

    assert (await plan(both.world, await both.ledger.dead_letters.get(lost))).way is Way.AGAIN
