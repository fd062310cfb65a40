"""Each invariant of a simulation finds the planted fault that breaks it, and nothing where there is no fault."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis.asyncio

from common.campaigns.campaign import Campaign, campaign_of
from common.campaigns.campaigns import Campaigns
from common.campaigns.compiled import FollowUp, SendingWindow, Span
from common.campaigns.errors import CampaignError
from common.clock import VirtualClock
from common.domain.booking import BookingKind
from common.domain.contact import Assessment, SmsConsent
from common.domain.delivery import Trigger
from common.domain.mail import Mail
from common.errors import Ambiguous, Failure, Permanent, Throttled
from common.settings.settings import Settings
from services.simulation.edits import Edit, VersionSwitch
from services.simulation.engine import MEETING_MS, Simulation
from services.simulation.finished_run import FinishedRun
from services.simulation.invariants import INVARIANTS, violations
from services.simulation.report import finished
from tests.mutants.mutant import ACTORS, DOMAIN, LEDGER, Mutant
from tests.mutants.planting import planted
from tests.packaged import packaged_campaigns
from tests.texting import texting_campaign
from tests.versions import edits

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SETTINGS = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion", "twilio"}))
BEGIN_MS = round(datetime(2026, 3, 2, 15, tzinfo=UTC).timestamp() * 1000)
"""Ten in the morning in Toronto."""
START_MS = BEGIN_MS + 4 * DAY_MS + 4 * HOUR_MS
"""Two in the afternoon."""
NUMBER, HOST = "+14165550123", "host@example.com"
ADA = Assessment(email="ada@example.org", first_name="Ada", assessment_score=50, phone=NUMBER)
BACK = FollowUp(
    name="come-back",
    on=Trigger.CANCELLED,
    after=Span(production_ms=48 * HOUR_MS, testing_ms=60_000),
    body="follow_ups/missed.md",
)

PlayScenario = Callable[["Stage"], Awaitable[None]]


@dataclass(slots=True)
class Stage:
    """A simulation that begins at ten in the morning. `switch`: set in a scenario in which versions change."""

    run: Simulation
    folder: Path
    switch: VersionSwitch | None = None

    async def begin(self) -> None:
        """Allow campaign versions to change from here on."""
        self.switch = VersionSwitch(self.run, self.folder)
        await self.switch.begin()

    async def book(self, start_ms: int = START_MS, *, uid: str = "A", **fields: object) -> None:
        known: dict[str, object] = {"timezone": "America/Toronto", "organizer_email": HOST}
        await self.run.book(ADA.email, start_ms, uid=uid, **known | fields)

    async def until(self, at_ms: int) -> None:
        await self.run.run(until_ms=at_ms)

    async def meet(self, **fields: object) -> None:
        await self.book(**fields)
        await self.until(START_MS + MEETING_MS)
        await self.run.change_booking(BookingKind.ENDED, "A", start_ms=START_MS)

    async def mark(self, address: str, uid: str = "A") -> None:
        await self.run.change_booking(BookingKind.NO_SHOW, uid, no_shows=((address, True),))


def once(failure: Failure) -> Callable[[object], Failure | None]:
    left = [failure]
    return lambda _message: left.pop() if left else None


def delayed(by_ms: int, **tags: str) -> Callable[[Mail], Failure | None]:
    """Return a failure that defers the first request for the mail with these tags by `by_ms`."""
    failure = once(Throttled("rate_limit_exceeded", retry_after_ms=by_ms))
    return lambda mail: failure(mail) if tags.items() <= mail.tags.items() else None


# Steps


async def ada_signs_up(stage: Stage) -> None:
    await stage.run.sign_up(ADA)


async def an_answer_is_lost(stage: Stage) -> None:
    stage.run.mailer.failure = once(Ambiguous("read_timeout"))
    await stage.run.sign_up(ADA)


async def a_mail_is_refused(stage: Stage) -> None:
    stage.run.mailer.failure = once(Permanent("validation_error", status=422))
    await stage.run.sign_up(ADA)


async def the_second_mail_is_delayed_until_shortly_before_the_third(stage: Stage) -> None:
    stage.run.mailer.failure = delayed(44 * HOUR_MS, step="step-2")
    await stage.run.sign_up(ADA)


async def ada_reads_french(stage: Stage) -> None:
    await stage.run.sign_up(replace(ADA, locale="fr"))


async def french_is_added_behind_ada(stage: Stage) -> None:
    """Boris signs up afterwards, and both read French."""
    await stage.begin()
    assert stage.switch is not None
    french = stage.run.world.campaigns["christmas_2025"].compiled
    await stage.switch.apply(Edit(after_ms=0, campaign="christmas_2025", compiled=edits.in_english(french)))
    await stage.until(BEGIN_MS + HOUR_MS)
    await stage.run.sign_up(replace(ADA, locale="fr"))
    await stage.until(BEGIN_MS + 2 * HOUR_MS)
    await stage.switch.apply(Edit(after_ms=0, campaign="christmas_2025", compiled=french))
    await stage.until(BEGIN_MS + 3 * HOUR_MS)
    await stage.run.sign_up(replace(ADA, email="boris@example.org", locale="fr"))


async def ada_signs_up_for_both(stage: Stage) -> None:
    """Sign Ada up for each campaign in order, an hour apart."""
    for campaign in stage.run.world.campaigns:
        await stage.run.sign_up(ADA, campaign=campaign)
        await stage.until(stage.run.clock.now_ms() + HOUR_MS)


async def ada_signs_up_for_both_at_once(stage: Stage) -> None:
    for campaign in reversed(list(stage.run.world.campaigns)):
        await stage.run.sign_up(ADA, campaign=campaign)


async def a_step_is_added_behind_ada(stage: Stage) -> None:
    await stage.begin()
    assert stage.switch is not None
    await stage.run.sign_up(ADA)
    await stage.until(BEGIN_MS + 4 * DAY_MS)
    changed = edits.added(stage.run.world.campaigns["christmas_2025"].compiled, hours=80)
    await stage.switch.apply(Edit(after_ms=0, campaign="christmas_2025", compiled=changed))


async def a_text_comes_under_another_id(stage: Stage) -> None:
    await stage.begin()
    assert stage.switch is not None
    await stage.run.sign_up(ADA)
    await stage.until(BEGIN_MS + 5 * DAY_MS)
    changed = edits.copied(stage.run.world.campaigns["christmas_2025"].compiled)
    with suppress(CampaignError):
        await stage.switch.apply(Edit(after_ms=0, campaign="christmas_2025", compiled=changed))


# Calls


async def ada_meets_us(stage: Stage) -> None:
    await stage.meet(sms_number=NUMBER)


async def an_answer_of_twilio_is_lost(stage: Stage) -> None:
    stage.run.texter.failure = once(Ambiguous("read_timeout"))
    await stage.meet(sms_number=NUMBER)


async def twilio_refuses_a_text(stage: Stage) -> None:
    stage.run.texter.failure = once(Permanent("twilio_30007", status=400))
    await stage.meet(sms_number=NUMBER)


async def ada_books_a_call_at_ten_in_the_evening(stage: Stage) -> None:
    await stage.book(START_MS + 8 * HOUR_MS, sms_number=NUMBER)


async def ada_says_no_to_sms(stage: Stage) -> None:
    await stage.run.sign_up(replace(ADA, sms_consent=SmsConsent(is_given=False)))
    await stage.book()


async def ada_answers_stop(stage: Stage) -> None:
    await stage.book(sms_number=NUMBER)
    await stage.until(BEGIN_MS + HOUR_MS)
    await stage.run.answer_stop(NUMBER)


async def a_reminder_is_delayed_until_after_the_call(stage: Stage) -> None:
    stage.run.mailer.failure = delayed(3 * HOUR_MS, reminder="2h")
    await stage.book()


async def ada_moves_her_call(stage: Stage) -> None:
    await stage.book()
    await stage.until(BEGIN_MS + HOUR_MS)
    await stage.run.reschedule("A", to="B", address=ADA.email, start_ms=START_MS + DAY_MS)


async def ada_misses_a_call_and_the_one_it_is_moved_to(stage: Stage) -> None:
    await stage.meet()
    await stage.mark(ADA.email)
    await stage.until(START_MS + DAY_MS)
    later_ms = START_MS + 3 * DAY_MS
    await stage.run.reschedule("A", to="B", address=ADA.email, start_ms=later_ms)
    await stage.until(later_ms + MEETING_MS)
    await stage.mark(ADA.email, "B")


async def the_host_does_not_come(stage: Stage) -> None:
    await stage.meet()
    await stage.mark(HOST)


async def ada_misses_a_call_and_books_again(stage: Stage) -> None:
    await stage.meet()
    await stage.mark(ADA.email)
    await stage.until(START_MS + MEETING_MS + HOUR_MS)
    await stage.book(START_MS + 5 * DAY_MS, uid="again")


FAULTS: dict[str, tuple[PlayScenario, Mutant]] = {
    "nobody_receives_a_step_twice": (
        an_answer_is_lost,
        Mutant(
            ACTORS,
            "render.py",
            "{item.campaign}/{item.delivery.id}",
            "{item.campaign}/{item.delivery.id}/{item.attempts}",
        ),
    ),
    "every_planned_delivery_ends": (
        ada_signs_up,
        Mutant(LEDGER, "lib/sequence", "  sequence.complete(owner, now_ms)\n"),
    ),
    "the_ledger_says_what_the_provider_has": (
        a_mail_is_refused,
        Mutant(ACTORS, "failure_policy.py", 'return Decision("dead", refused', 'return Decision("accepted", refused'),
    ),
    "two_mails_keep_their_gap": (
        the_second_mail_is_delayed_until_shortly_before_the_third,
        Mutant(LEDGER, "deliveries", "local gap_ms = is_paced and gap_until(", "local gap_ms = false and gap_until("),
    ),
    "mails_of_two_campaigns_keep_the_larger_gap": (
        ada_signs_up_for_both,
        Mutant(LEDGER, "lib/crossing", "last_ms and is_possible(last_ms, now_ms) and last_ms + gap_ms or 0", "0"),
    ),
    "a_campaign_of_higher_priority_goes_first": (
        ada_signs_up_for_both_at_once,
        Mutant(
            LEDGER, "lib/crossing", "terms.priority < campaign.priority and", "terms.priority > campaign.priority and"
        ),
    ),
    "nobody_enrols_who_is_excluded": (
        ada_signs_up_for_both,
        Mutant(LEDGER, "signups", "ipairs(mailbox.contacts(given.excludes))", "ipairs({})"),
    ),
    "nobody_enrols_while_a_campaign_is_closed": (
        ada_signs_up,
        Mutant(LEDGER, "signups", "  if given.is_closed then return 'closed' end\n"),
    ),
    "mail_goes_within_its_window": (
        ada_signs_up,
        Mutant(ACTORS, "windows.py", "return opening_ms if opening_ms > now_ms else None", "return None"),
    ),
    "a_mail_is_in_one_language": (
        ada_reads_french,
        Mutant("common", "readers.py", "language=owner.language or campaign", "language=campaign"),
    ),
    "no_mail_goes_on_a_holiday": (
        ada_signs_up,
        Mutant(DOMAIN, "windows.py", " and not self.is_holiday(today)"),
    ),
    "a_language_counts_from_its_version_on": (
        french_is_added_behind_ada,
        Mutant("common/ledger", "signups.py", "terms.matching_language(assessment.locale)", "None"),
    ),
    "a_step_follows_the_one_it_needs": (
        a_mail_is_refused,
        Mutant(
            LEDGER,
            "deliveries",
            "  return status ~= nil and status ~= 'skipped' and status ~= 'dead'\n",
            "  return true\n",
        ),
    ),
    "a_step_goes_on_its_day_or_later": (
        ada_signs_up,
        Mutant(
            LEDGER,
            "lib/sequence",
            "tonumber(fields.anchor_ms) + step.after_ms",
            "tonumber(fields.anchor_ms) + step.after_ms - 3600000",
        ),
    ),
    "a_new_step_is_not_sent_late": (
        a_step_is_added_behind_ada,
        Mutant(LEDGER, "versions", "step.is_new and due_ms <= given.now_ms and not given.send_late", "false"),
    ),
    "nobody_reads_a_text_twice": (
        a_text_comes_under_another_id,
        Mutant("common/versions", "plan.py", "self._repeated[step, former] += 1", "pass"),
    ),
    "every_dead_letter_says_why": (
        a_mail_is_refused,
        Mutant(ACTORS, "failure_policy.py", 'return Decision("dead", refused', 'return Decision("dead", ""'),
    ),
    "notion_shows_the_end": (
        ada_signs_up,
        Mutant(LEDGER, "lib/projection", "  redis.call('ZADD', keys.changed, now_ms, contact)\n"),
    ),
    "nobody_receives_a_text_twice": (
        an_answer_of_twilio_is_lost,
        Mutant(DOMAIN, "delivery.py", "KEY_REMEMBERED_MS if self is Channel.EMAIL else 0", "KEY_REMEMBERED_MS"),
    ),
    "the_ledger_says_what_was_accepted_of_calls": (
        twilio_refuses_a_text,
        Mutant(ACTORS, "failure_policy.py", 'return Decision("dead", refused', 'return Decision("accepted", refused'),
    ),
    "every_delivery_of_a_call_ends": (
        ada_meets_us,
        Mutant(LEDGER, "bookings", "  delivery.schedule(guest.id .. '/' .. name, due_ms)\n"),
    ),
    "every_call_has_its_reminders": (
        ada_meets_us,
        Mutant(LEDGER, "bookings", "do replan(guest, reminder, outcome, now_ms) end", "do end"),
    ),
    "a_text_goes_within_its_hours": (
        ada_books_a_call_at_ten_in_the_evening,
        Mutant("common/campaigns", "campaign.py", "if policy is None or pace.testing:", "if True:"),
    ),
    "a_text_is_dead_when_its_call_begins": (
        ada_meets_us,
        Mutant(ACTORS, "render_sms.py", "return min(latest_ms, closing_ms)", "return closing_ms"),
    ),
    "a_text_needs_consent": (
        ada_says_no_to_sms,
        Mutant(DOMAIN, "contact.py", " and self.sms_consent.is_given\n", "\n"),
    ),
    "a_number_that_ended_it_gets_no_text": (
        ada_answers_stop,
        Mutant(LEDGER, "deliveries", "return suppression.reason(given.address_hash), false", "return nil, false"),
    ),
    "a_reminder_goes_before_its_call": (
        a_reminder_is_delayed_until_after_the_call,
        Mutant(LEDGER, "lib/owners", "  if expires_ms and expires_ms <= now_ms then return 'expired' end\n"),
    ),
    "a_reminder_tells_the_hour_that_is_booked": (
        ada_moves_her_call,
        Mutant(DOMAIN, "series.py", "moved=guest is not current)", "moved=False)"),
    ),
    "a_chain_is_followed_up_once": (
        ada_misses_a_call_and_the_one_it_is_moved_to,
        Mutant(LEDGER, "bookings", "if id ~= guest.id then is_sent", "if false then is_sent"),
    ),
    "a_follow_up_waits_for_marks": (
        ada_meets_us,
        Mutant(DOMAIN, "follow_ups.py", "max(after_ms, rules.grace_ms)", "0"),
    ),
    "a_follow_up_is_true": (
        the_host_does_not_come,
        Mutant(DOMAIN, "follow_ups.py", "if _is_somebody_absent(events) else", "if False else"),
    ),
    "a_new_booking_calls_follow_ups_off": (
        ada_misses_a_call_and_books_again,
        Mutant(LEDGER, "lib/owners", "  if has_later_call(fields, requires) then return requires.booked_again end\n"),
    ),
}
"""By invariant: a scenario, and the fault that breaks the promise in it."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """A campaign with SMS a day and two hours before a call and a follow-up for cancellations; step 2 needs step 1."""
    made = texting_campaign(tmp_path_factory.mktemp("campaigns"))
    compiled = edits.needing(made.compiled, step="step-2", needs="step-1")
    text = next(one.sms for one in made.reminders if one.sms)
    reminders = tuple(replace(one, sms=text) if one.name == "2h" else one for one in made.reminders)
    return campaign_of(replace(compiled, reminders=reminders, follow_ups=(*made.follow_ups, BACK)))


def campaigns_of(promise: str, home: Campaign) -> Campaigns:
    if FAULTS[promise][0] in (ada_signs_up_for_both, ada_signs_up_for_both_at_once):
        first, second = packaged_campaigns("christmas_2025", "new_year_2026").values()
        excludes = (first.key,) if promise == "nobody_enrols_who_is_excluded" else ()
        return Campaigns(first, campaign_of(replace(second.compiled, excludes=excludes)))
    if promise == "nobody_enrols_while_a_campaign_is_closed":
        return Campaigns(campaign_of(replace(home.compiled, closes="2026-03-01")))
    if promise == "mail_goes_within_its_window":
        window = SendingWindow(opens_minute=16 * 60, closes_minute=18 * 60, weekdays=tuple(range(7)))
        return Campaigns(campaign_of(replace(home.compiled, sending_window=window)))
    if promise == "no_mail_goes_on_a_holiday":
        # The day after Ada's signup is a holiday in Bulgaria.
        window = SendingWindow(opens_minute=0, closes_minute=24 * 60, weekdays=tuple(range(7)), holidays="BG")
        return Campaigns(campaign_of(replace(home.compiled, sending_window=window)))
    return Campaigns(home)


async def run_scenario(
    store: redis.asyncio.Redis, campaigns: Campaigns, play_scenario: PlayScenario, folder: Path
) -> FinishedRun:
    await store.flushall()
    run = Simulation(store, campaigns, SETTINGS, clock=VirtualClock(BEGIN_MS))
    stage = Stage(run, folder)
    await play_scenario(stage)
    await run.run()
    return await finished(run, history=stage.switch.history if stage.switch else None)


@pytest.mark.parametrize("promise", FAULTS)
async def test_each_invariant_finds_its_planted_fault(store, home: Campaign, tmp_path: Path, promise: str):
    play_scenario, fault = FAULTS[promise]
    with ExitStack() as faults:
        for is_planted in (False, True):
            if is_planted:
                faults.enter_context(planted(fault))
            run = await run_scenario(store, campaigns_of(promise, home), play_scenario, tmp_path / str(is_planted))
            found = {line.partition(":")[0] for line in violations(run)}

            assert (promise in found) is is_planted, violations(run)
            assert is_planted or not found


def test_every_invariant_has_a_planted_fault():
    assert {*FAULTS} == {invariant.__name__ for invariant in INVARIANTS}
