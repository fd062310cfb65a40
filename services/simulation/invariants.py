"""The promises of Advent, as functions that search a finished simulation for violations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise, permutations
from operator import itemgetter
from zoneinfo import ZoneInfo

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import Step, step_name
from services.simulation.call_invariants import CALL_INVARIANTS
from services.simulation.finished_run import FinishedRun, Invariant, may_be_out
from services.simulation.reader_invariants import READER_INVARIANTS


def nobody_receives_a_step_twice(run: FinishedRun) -> Iterator[str]:
    """The provider accepted at most one mail for each idempotency key, and for each step of a contact."""
    for key, mails in run.mailer.accepted_by_key.items():
        if len(mails) > 1:
            yield f"{key} was accepted {len(mails)} times"
    counts = Counter(tuple(sorted(mail.tags.items())) for _, mail in run.mailer.accepted_mails)
    for tags, count in counts.items():
        if count > 1:
            yield f"{dict(tags)} was accepted {count} times"


def every_planned_delivery_ends(run: FinishedRun) -> Iterator[str]:
    """Every step of every contact has a final status, and every enrollment has ended."""
    for enrollment in run.enrollments:
        if enrollment.status not in (Status.COMPLETED, Status.EXITED):
            yield f"{enrollment.id} is {enrollment.status}"
        for step in run.steps_of(enrollment):
            if not enrollment.step_status(step)[0].is_final:
                yield f"{enrollment.id}/{step_name(step)} has no final status"


def the_ledger_says_what_the_provider_has(run: FinishedRun) -> Iterator[str]:
    """The ledger shows exactly the steps that the provider accepted as sent, or says that it cannot know."""
    accepted = {(mail.tags.get("enrollment"), mail.tags.get("step")) for _, mail in run.mailer.accepted_mails}
    for enrollment in run.enrollments:
        for step in run.steps_of(enrollment):
            has, says = (enrollment.id, step_name(step)) in accepted, enrollment.step_status(step)[0].is_sent
            if has != says and not may_be_out(enrollment.records.get(step)):
                yield f"{enrollment.id}/{step_name(step)}: sent in the ledger: {says}, accepted by the provider: {has}"


def two_mails_keep_their_gap(run: FinishedRun) -> Iterator[str]:
    """Between two steps of a contact lies at least the campaign's minimum gap."""
    for enrollment in run.enrollments:
        sent = sorted(record.sent_ms for record in enrollment.records.values() if record.sent_ms)
        for earlier, later in pairwise(sent):
            if later - earlier < run.gap_of(enrollment):
                yield f"{enrollment.id}: two mails within {later - earlier} ms"


def mails_of_two_campaigns_keep_the_larger_gap(run: FinishedRun) -> Iterator[str]:
    """Between two steps of one person in two campaigns lies at least the larger of their gaps."""
    people: dict[str, list[tuple[int, Enrollment]]] = {}
    for enrollment in run.enrollments:
        sent = [(record.sent_ms, enrollment) for record in enrollment.records.values() if record.sent_ms]
        people.setdefault(enrollment.assessment.email, []).extend(sent)
    for mails in people.values():
        for (earlier_ms, earlier), (later_ms, later) in pairwise(sorted(mails, key=itemgetter(0))):
            if earlier is not later and later_ms - earlier_ms < run.gap_of(earlier, later):
                yield f"{earlier.id} and {later.id}: two mails within {later_ms - earlier_ms} ms"


def every_dead_letter_says_why(run: FinishedRun) -> Iterator[str]:
    """Every dead letter has a reason."""
    for enrollment in run.enrollments:
        for step, record in enrollment.records.items():
            if record.status is DeliveryStatus.DEAD and not record.detail:
                yield f"{enrollment.id}/{step_name(step)} is dead without a reason"


def notion_shows_the_end(run: FinishedRun) -> Iterator[str]:
    """Notion shows the last state of every enrollment."""
    for enrollment in run.enrollments:
        row = run.mirror.rows.get(enrollment.id)
        if row is None or row.revision != enrollment.revision:
            yield f"{enrollment.id}: Notion shows {'nothing' if row is None else 'an older state'}"


def a_step_follows_the_one_it_needs(run: FinishedRun) -> Iterator[str]:
    """A step that needs another one is sent only after that one was sent."""
    for enrollment, step, sent_ms in run.sent():
        needed = run.in_force(enrollment.campaign, sent_ms).cadence.needs.get(step)
        record = enrollment.records.get(needed) if needed is not None else None
        if needed is not None and (record is None or record.sent_ms is None or record.sent_ms > sent_ms):
            yield f"{enrollment.id}/{step_name(step)} was sent without {step_name(needed)}"


def a_step_goes_on_its_day_or_later(run: FinishedRun) -> Iterator[str]:
    """A step is sent only if the version in force has it, and if its day, counted from the signup, has come."""
    for enrollment, step, sent_ms in run.sent():
        cadence = run.in_force(enrollment.campaign, sent_ms).cadence
        if step not in cadence.steps:
            yield f"{enrollment.id}/{step_name(step)} was sent after it was removed from the campaign"
        elif sent_ms < cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=step):
            yield f"{enrollment.id}/{step_name(step)} was sent before its day"


def a_new_step_is_not_sent_late(run: FinishedRun) -> Iterator[str]:
    """A step whose day had passed when it was added is sent to nobody, unless the edit says `send_late`."""
    for enrollment, step, sent_ms in run.sent():
        versions = [one for one in run.history[enrollment.campaign] if one.since_ms <= sent_ms]
        if any(one.send_late for one in versions):
            continue
        for before, one in pairwise(versions):
            if step in before.cadence.steps or step not in one.cadence.steps or enrollment.anchor_ms >= one.since_ms:
                continue
            if one.cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=step) <= one.since_ms:
                yield f"{enrollment.id}/{step_name(step)} was sent although it was added after its day"


def nobody_reads_a_text_twice(run: FinishedRun) -> Iterator[str]:
    """No two mails of one campaign to one person have the same text, whatever their steps are called."""
    seen: dict[tuple[str, str, str], str] = {}
    for _, mail in run.mailer.accepted_mails:
        if "step" not in mail.tags:
            continue
        said = (mail.tags["campaign"], mail.tags["enrollment"], mail.text)
        before = seen.setdefault(said, mail.tags["step"])
        if before != mail.tags["step"]:
            yield f"{mail.tags['enrollment']}: {before} and {mail.tags['step']} have the same text"


def a_campaign_of_higher_priority_goes_first(run: FinishedRun) -> Iterator[str]:
    """If steps of two campaigns are due to a person, the lower priority number goes first. Retries are not checked."""
    sent: dict[str, list[tuple[Enrollment, Step, int]]] = defaultdict(list)
    for enrollment, step, sent_ms in run.sent():
        sent[enrollment.assessment.email].append((enrollment, step, sent_ms))
    for (one, step, first_ms), (other, waiting, later_ms) in (
        pair for mails in sent.values() for pair in permutations(mails, 2) if pair[0][2] < pair[1][2]
    ):
        first, second = (run.in_force(each.campaign, first_ms) for each in (one, other))
        if second.window is not None or other.records[waiting].attempts > 1 or waiting not in second.cadence.steps:
            continue
        due_ms = second.cadence.due_ms(anchor_ms=other.anchor_ms, step=waiting)
        if second.campaign.compiled.priority < first.campaign.compiled.priority and due_ms <= first_ms < later_ms:
            yield f"{one.id}/{step_name(step)} was sent before {other.id}/{step_name(waiting)}"


def nobody_enrols_who_is_excluded(run: FinishedRun) -> Iterator[str]:
    """A person who is under way in a campaign is not enrolled in another one that excludes it."""
    people: dict[str, list[Enrollment]] = defaultdict(list)
    for enrollment in run.enrollments:
        people[enrollment.assessment.email].append(enrollment)
    for one, other in (pair for theirs in people.values() for pair in permutations(theirs, 2)):
        excluded = run.in_force(one.campaign, one.anchor_ms).campaign.compiled.excludes
        is_under_way = any((record.sent_ms or 0) > one.anchor_ms for record in other.records.values())
        if other.campaign in excluded and other.anchor_ms < one.anchor_ms and is_under_way:
            yield f"{one.id} enrolled in {one.campaign}, which excludes {other.campaign}"


def nobody_enrols_while_a_campaign_is_closed(run: FinishedRun) -> Iterator[str]:
    """Nobody is enrolled before the day on which a campaign opens, or after the day on which it closes."""
    for enrollment in run.enrollments:
        declared = run.in_force(enrollment.campaign, enrollment.anchor_ms).campaign.compiled
        day = datetime.fromtimestamp(enrollment.anchor_ms / 1000, ZoneInfo(declared.timezone)).date().isoformat()
        if (declared.opens and day < declared.opens) or (declared.closes and day > declared.closes):
            yield f"{enrollment.id} enrolled on {day}, while {enrollment.campaign} was closed"


INVARIANTS: tuple[Invariant, ...] = (
    nobody_receives_a_step_twice,
    every_planned_delivery_ends,
    the_ledger_says_what_the_provider_has,
    two_mails_keep_their_gap,
    mails_of_two_campaigns_keep_the_larger_gap,
    a_campaign_of_higher_priority_goes_first,
    nobody_enrols_who_is_excluded,
    nobody_enrols_while_a_campaign_is_closed,
    a_step_follows_the_one_it_needs,
    a_step_goes_on_its_day_or_later,
    a_new_step_is_not_sent_late,
    nobody_reads_a_text_twice,
    every_dead_letter_says_why,
    notion_shows_the_end,
    *READER_INVARIANTS,
    *CALL_INVARIANTS,
)


def violations(run: FinishedRun) -> list[str]:
    """Return a line, `promise: what broke it`, for each violation."""
    return [f"{promise.__name__}: {line}" for promise in INVARIANTS for line in promise(run)]
