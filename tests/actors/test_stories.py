"""What happens to Ada, Boris and Chen: the real actors and scripts, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from common.clock import utc_datetime
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Status
from common.domain.ids import enrollment_id
from common.errors import Ambiguous, Misconfigured, Permanent, Throttled, Transient
from common.ledger import keys
from common.ledger.reads.store_stats import read_store_stats
from services.simulation.engine import Simulation
from tests.ledger_reads import dead_letters_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ADA = enrollment_id("christmas_2025", "ada@example.org")


def offsets_h(simulation: Simulation, address: str, anchor_ms: int) -> list[float]:
    return [round((ms - anchor_ms) / HOUR_MS, 3) for ms, mail in simulation.mailer.accepted_mails if mail.to == address]


async def test_ada_gets_seven_different_mails_on_their_days_and_notion_shows_them(simulation, ada, clock):
    anchor = clock.now_ms()
    await simulation.sign_up(ada)
    await simulation.run()

    assert offsets_h(simulation, ada.email, anchor) == [0, 24, 72, 120, 168, 216, 264]
    assert len({mail.subject for mail in simulation.mailer.inbox_of(ada.email)}) == 7
    assert all(len(mails) == 1 for mails in simulation.mailer.accepted_by_key.values())
    row = simulation.mirror.rows[ADA]
    assert row.status is Status.COMPLETED
    assert [utc_datetime(row.records[step].sent_ms).day for step in (1, 2)]


async def test_sixty_clicks_are_one_enrollment(simulation, ada):
    answers = [(await simulation.sign_up(ada)).answer for _ in range(60)]
    await simulation.run()

    assert answers.count("accepted") == 1
    assert len(simulation.mailer.inbox_of(ada.email)) == 7


async def test_lost_answer_is_retried_with_the_same_key_and_bytes(simulation, ada, clock):
    lost = iter([Ambiguous("timeout"), None])
    simulation.mailer.failure = lambda _mail: next(lost, None)
    await simulation.sign_up(ada)
    await simulation.run()

    assert len(simulation.mailer.inbox_of(ada.email)) == 7
    assert all(len(mails) == 1 for mails in simulation.mailer.accepted_by_key.values())


async def test_four_failed_attempts_make_a_dead_letter_and_other_mails_continue(simulation, ada, boris, clock):
    anchor = clock.now_ms()
    tries: list[int] = []

    def trouble(mail):
        if mail.to == ada.email and mail.tags["step"] == "step-2":
            tries.append(clock.now_ms() - anchor - DAY_MS)
            return Transient("internal_server_error", status=500)
        return None

    simulation.mailer.failure = trouble
    await simulation.sign_up(ada)
    await simulation.sign_up(boris)
    await simulation.run()

    assert tries == [0, 60_000, 120_000, 180_000]
    assert offsets_h(simulation, ada.email, anchor) == [0, 72, 120, 168, 216, 264]
    assert len(simulation.mailer.inbox_of(boris.email)) == 7
    letters = await dead_letters_of(simulation.ledger)
    assert [(letter.delivery.step, letter.attempts) for letter in letters] == [(2, 4)]
    assert letters[0].reason == "4 tries failed, the last with internal_server_error (500)"


async def test_a_replayed_dead_letter_goes_out_once(simulation, ada):
    refused = [Permanent("validation_error", "Invalid `to` field", status=422)]
    simulation.mailer.failure = lambda _mail: refused.pop() if refused else None
    await simulation.sign_up(ada)
    await simulation.run()
    letter = (await dead_letters_of(simulation.ledger))[0]

    await simulation.ledger.dead_letters.replay(
        letter.id, now_ms=simulation.clock.now_ms(), way="same" if letter.outcome_unknown else "fresh"
    )
    await simulation.run()

    assert len(simulation.mailer.inbox_of(ada.email)) == 7
    assert (await simulation.ledger.enrollments.get(ADA)).step_status(1)[0] is DeliveryStatus.ACCEPTED


async def test_refusal_after_a_lost_answer_says_that_the_mail_may_have_been_accepted(simulation, ada):
    said = [Permanent("validation_error", "Invalid `to` field", status=422), Ambiguous("timeout")]
    simulation.mailer.failure = lambda _mail: said.pop() if said else None
    await simulation.sign_up(ada)
    await simulation.run()

    letter = (await dead_letters_of(simulation.ledger))[0]
    assert letter.reason == "validation_error (422): Invalid `to` field; an earlier try may have been accepted"
    assert letter.outcome_unknown


async def test_retry_after_is_honoured_and_costs_no_attempt(simulation, ada, clock):
    anchor = clock.now_ms()
    refusals = [Throttled("rate_limit_exceeded", status=429, retry_after_ms=7_000) for _ in range(20)]
    simulation.mailer.failure = lambda _mail: refusals.pop() if refusals else None
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor + HOUR_MS)

    assert simulation.mailer.accepted_mails[0][0] == anchor + 20 * 7_000
    assert (await simulation.ledger.enrollments.get(ADA)).records[1].attempts == 1


@pytest.mark.timeout(180)  # Simulates many days.
async def test_outage_of_36_hours_causes_no_dead_letter(simulation, ada, boris, chen, clock):
    anchor = clock.now_ms()
    simulation.mailer.failure = lambda _mail: (
        Transient("bad_gateway", status=502) if clock.now_ms() < anchor + 36 * HOUR_MS else None
    )
    for person in (ada, boris, chen):
        await simulation.sign_up(person)
    await simulation.run(until_ms=anchor + 12 * DAY_MS)

    assert await dead_letters_of(simulation.ledger) == []
    for person in (ada, boris, chen):
        hours = offsets_h(simulation, person.email, anchor)
        assert len(hours) == 7
        assert hours[0] <= 36.02
        assert all(later - earlier >= 12 for earlier, later in pairwise(hours))
        steps = [mail.tags["step"] for mail in simulation.mailer.inbox_of(person.email)]
        assert steps == sorted(steps)


async def test_refused_key_holds_all_mail_and_sending_resumes_automatically(simulation, ada, boris, clock):
    anchor = clock.now_ms()
    asked = 0

    def trouble(_mail):
        nonlocal asked
        asked += 1
        return Misconfigured("invalid_api_key", status=403) if clock.now_ms() < anchor + 10 * 60_000 else None

    simulation.mailer.failure = trouble
    await simulation.sign_up(ada)
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + HOUR_MS)

    assert asked < 60
    assert [mail.to for _, mail in simulation.mailer.accepted_mails].count(boris.email) == 1
    assert (await read_store_stats(simulation.ledger, now_ms=clock.now_ms())).dead_letters == 0


async def test_unknown_outcome_is_never_sent_blindly_after_23_hours(simulation, ada, clock):
    anchor = clock.now_ms()
    await simulation.sign_up(ada)
    claim_lost = [Ambiguous("timeout")]
    simulation.mailer.failure = lambda _mail: claim_lost.pop() if claim_lost else None
    await simulation.run(until_ms=anchor + 1_000)
    await simulation.ledger.client.zadd(keys.delayed("send"), {f"{ADA}/step-1": anchor + 25 * HOUR_MS})
    clock.move_to(anchor + 25 * HOUR_MS)
    await simulation.run(until_ms=anchor + 26 * HOUR_MS)

    first = [mail for _, mail in simulation.mailer.accepted_mails if mail.tags["step"] == "step-1"]
    assert len(first) == 1
    assert (await simulation.ledger.enrollments.get(ADA)).step_status(1) == (DeliveryStatus.ACCEPTED, "sim_0")


@pytest.mark.timeout(180)  # Simulates many days.
async def test_notion_being_down_for_the_whole_sequence_delays_no_mail(simulation, ada, clock):
    anchor = clock.now_ms()
    simulation.mirror.failure = lambda _enrollment: (
        Transient("service_unavailable", status=503) if clock.now_ms() < anchor + 12 * DAY_MS else None
    )
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor + 13 * DAY_MS)

    assert offsets_h(simulation, ada.email, anchor) == [0, 24, 72, 120, 168, 216, 264]
    assert simulation.mirror.rows[ADA].status is Status.COMPLETED


@pytest.mark.timeout(180)  # Simulates many days.
async def test_row_that_notion_refuses_does_not_delay_other_rows(simulation, ada, boris, clock):
    simulation.mirror.failure = lambda enrollment: (
        Permanent("validation_error", status=400) if enrollment.id == ADA else None
    )
    await simulation.sign_up(ada)
    await simulation.sign_up(boris)
    await simulation.run(until_ms=clock.now_ms() + 12 * DAY_MS)

    boris_row = simulation.mirror.rows[enrollment_id("christmas_2025", boris.email)]
    assert boris_row.status is Status.COMPLETED


async def test_contact_who_unsubscribes_after_the_second_mail_gets_no_third(simulation, ada, clock):
    anchor = clock.now_ms()
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.ledger.enrollments.unsubscribe(
        ADA, address_hash=simulation.ledger.store.address_hash(ada.email), now_ms=clock.now_ms()
    )
    await simulation.run()

    assert offsets_h(simulation, ada.email, anchor) == [0, 24]
    assert simulation.mirror.rows[ADA].exit_reason == "unsubscribed"


async def test_repeated_signup_changes_unsent_mails_and_not_the_schedule(simulation, ada, clock):
    anchor = clock.now_ms()
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor + HOUR_MS)
    await simulation.sign_up(replace(ada, red_systems=0, assessment_score=93))
    await simulation.run()

    assert offsets_h(simulation, ada.email, anchor) == [0, 24, 72, 120, 168, 216, 264]
    assert simulation.mirror.rows[ADA].segment == "OPTIMIZE"


async def test_every_mail_has_a_one_click_unsubscribe_link(simulation, ada):
    await simulation.sign_up(ada)
    await simulation.run()

    for mail in simulation.mailer.inbox_of(ada.email):
        link = mail.headers["List-Unsubscribe"].strip("<>")
        assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert link in mail.text
        assert link in mail.html.replace("&amp;", "&")
