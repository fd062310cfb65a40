"""The promises about calls: reminders and follow-ups, by mail and SMS."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from common.domain.delivery import DeliveryStatus, Trigger
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, split_delivery_id
from common.domain.sms import Sms
from services.simulation.call_history import CallHistory
from services.simulation.finished_run import FinishedRun, Invariant, may_be_out

_GRACE_MS = 2 * 3_600_000
_GRACE_IN_TESTING_MS = 60_000
_SENT = {status for status in DeliveryStatus if status.is_sent}


def nobody_receives_a_text_twice(run: FinishedRun) -> Iterator[str]:
    """The provider, which has no idempotency keys, accepted at most one SMS for each delivery."""
    for delivery, count in Counter(_delivery_of(text) for _, text in run.texter.accepted_texts).items():
        if count > 1:
            yield f"{delivery} was accepted {count} times"


def the_ledger_says_what_was_accepted_of_calls(run: FinishedRun) -> Iterator[str]:
    """The ledger shows exactly the accepted reminders and follow-ups as sent, or says that it cannot know."""
    accepted = {delivery for _, delivery in _accepted(run)}
    for delivery, record in run.call_records():
        has, says = delivery in accepted, record.status in _SENT
        if has != says and not may_be_out(record):
            yield f"{delivery}: sent in the ledger: {says}, accepted by the provider: {has}"


def every_delivery_of_a_call_ends(run: FinishedRun) -> Iterator[str]:
    """Each reminder and each follow-up has a final status, and a reason if it was not sent."""
    for delivery, record in run.call_records():
        if not record.status.is_final:
            yield f"{delivery} has no final status"
        elif record.status not in _SENT and not record.detail:
            yield f"{delivery} is {record.status} without a reason"


def every_call_has_its_reminders(run: FinishedRun) -> Iterator[str]:
    """For each call that was ever reported, the ledger has a record of each reminder of the campaign."""
    known: dict[str, set[str]] = defaultdict(set)
    for delivery, _ in run.call_records():
        booking, name = split_delivery_id(delivery)
        known[booking].add(name)
    for booking, history in run.histories.items():
        campaign = run.history[run.default_campaign][-1].campaign
        wanted = {f"{history.booked.start_ms}/{reminder.name}" for reminder in campaign.reminders}
        wanted |= {f"{history.booked.start_ms}/{reminder.name}.sms" for reminder in campaign.sms_reminders}
        for name in sorted(wanted - known[booking]):
            yield f"{booking}/{name} is not in the ledger"


def a_text_goes_within_its_hours(run: FinishedRun) -> Iterator[str]:
    """An SMS is sent within the permitted hours on its reader's clock, and expires before they end."""
    policy = run.history[run.default_campaign][-1].campaign.compiled.sms
    if policy is None or run.pace.testing:
        return
    zones = {one.assessment.email: one.assessment.timezone for one in run.enrollments}
    for at_ms, text in run.texter.accepted_texts:
        history = _history_of(run, text)
        zone = run.history[run.default_campaign][-1].campaign.zone_of(
            history.booked.timezone, zones.get(history.address)
        )
        for moment_ms, what in ((at_ms, "was sent"), (text.valid_until_ms - 1, "may still be delivered")):
            minute = _minute_of_day(moment_ms, zone)
            if not policy.opens_minute <= minute < policy.closes_minute:
                yield f"{_delivery_of(text)} {what} in quiet hours"


def a_text_is_dead_when_its_call_begins(run: FinishedRun) -> Iterator[str]:
    """The provider is told to drop a reminder that it has not delivered when the call begins."""
    for _, text in run.texter.accepted_texts:
        delivery = _delivery_of(text)
        if _is_reminder(delivery) and text.valid_until_ms > _start_of(delivery):
            yield f"{delivery} may be delivered after its call began"


def a_text_needs_consent(run: FinishedRun) -> Iterator[str]:
    """An SMS is sent only to a number that was given for reminders when booking, or with consent at a signup."""
    people: dict[str, list[Enrollment]] = defaultdict(list)
    for enrollment in run.enrollments:
        people[enrollment.assessment.email].append(enrollment)
    given: dict[str, set[str | None]] = defaultdict(set)
    for history in run.histories.values():
        given[history.chain].add(history.booked.sms_number)
    for _, text in run.texter.accepted_texts:
        history = _history_of(run, text)
        said = [(one.assessment.sms_consent, one.assessment.phone) for one in people[history.address]]
        agreed = {consent.number or phone for consent, phone in said if consent and consent.is_given}
        if text.to not in agreed | given[history.chain]:
            yield f"{_delivery_of(text)} was sent without consent"


def a_number_that_ended_it_gets_no_text(run: FinishedRun) -> Iterator[str]:
    """Nothing is sent to a phone that answered STOP."""
    for at_ms, text in run.texter.accepted_texts:
        if text.to in run.stops and run.stops[text.to] < at_ms:
            yield f"{_delivery_of(text)} was sent after STOP"


def a_reminder_goes_before_its_call(run: FinishedRun) -> Iterator[str]:
    """A reminder, by mail or SMS, is sent before its call begins."""
    for at_ms, delivery, _ in _reminders(run):
        if at_ms >= _start_of(delivery):
            yield f"{delivery} was sent after its call began"


def a_reminder_tells_the_hour_that_is_booked(run: FinishedRun) -> Iterator[str]:
    """A reminder never shows the time from before a move, and none is sent for a cancelled call."""
    for at_ms, delivery, history in _reminders(run):
        if not history.is_booked(at_ms) or _start_of(delivery) != history.booked.start_ms:
            yield f"{delivery} was sent for a time that was no longer booked"


def a_chain_is_followed_up_once(run: FinishedRun) -> Iterator[str]:
    """A call is followed up on one occasion only, however often it is moved; mail and SMS may both be sent for it."""
    followed = [(history.chain, delivery) for _, delivery, history in _follow_ups(run)]
    for chain, count in Counter(chain for chain, _ in {(chain, _occasion_of(one)) for chain, one in followed}).items():
        if count > 1:
            yield f"the calls of {chain} were followed up on {count} occasions"


def a_follow_up_waits_for_marks(run: FinishedRun) -> Iterator[str]:
    """A follow-up is sent two hours after its trigger at the earliest: until then, marks can be set or taken back."""
    grace_ms = run.pace.divided(_GRACE_IN_TESTING_MS if run.pace.testing else _GRACE_MS)
    for at_ms, delivery, history in _follow_ups(run):
        absent_ms = history.absent(at_ms).get(history.address)
        begins_ms = {Trigger.NO_SHOW: absent_ms, Trigger.COMPLETED: history.ended_ms}.get(_trigger_of(delivery))
        if begins_ms is not None and at_ms < begins_ms + grace_ms:
            yield f"{delivery} was sent only {at_ms - begins_ms} ms after its trigger"


def a_follow_up_is_true(run: FinishedRun) -> Iterator[str]:
    """A follow-up agrees with the call: its guest missed it, or it ended and nobody did, or it was called off."""
    for at_ms, delivery, history in _follow_ups(run):
        absent = history.absent(at_ms)
        is_true = {
            Trigger.NO_SHOW: history.address in absent and history.is_booked(at_ms),
            Trigger.COMPLETED: history.ended_ms is not None and not absent,
            Trigger.CANCELLED: history.is_called_off,
        }[_trigger_of(delivery)]
        if not is_true:
            yield f"{delivery} does not agree with what happened to the call"


def a_new_booking_calls_follow_ups_off(run: FinishedRun) -> Iterator[str]:
    """A contact who has booked another, later call gets no follow-up."""
    theirs: dict[str, list[CallHistory]] = defaultdict(list)
    for history in run.histories.values():
        theirs[history.address].append(history)
    for at_ms, delivery, history in _follow_ups(run):
        for other in theirs[history.address]:
            if other.chain == history.chain:
                continue
            is_later = (other.booked.start_ms or 0) > (history.booked.start_ms or 0)
            if is_later and other.booked.received_ms < at_ms and other.is_booked(at_ms):
                yield f"{delivery} was sent after {other.chain} was booked"


CALL_INVARIANTS: tuple[Invariant, ...] = (
    nobody_receives_a_text_twice,
    the_ledger_says_what_was_accepted_of_calls,
    every_delivery_of_a_call_ends,
    every_call_has_its_reminders,
    a_text_goes_within_its_hours,
    a_text_is_dead_when_its_call_begins,
    a_text_needs_consent,
    a_number_that_ended_it_gets_no_text,
    a_reminder_goes_before_its_call,
    a_reminder_tells_the_hour_that_is_booked,
    a_chain_is_followed_up_once,
    a_follow_up_waits_for_marks,
    a_follow_up_is_true,
    a_new_booking_calls_follow_ups_off,
)


def _delivery_of(text: Sms) -> DeliveryId:
    return DeliveryId(text.reference["delivery"])


def _history_of(run: FinishedRun, text: Sms) -> CallHistory:
    return run.histories[split_delivery_id(_delivery_of(text))[0]]


def _accepted(run: FinishedRun) -> Iterator[tuple[int, DeliveryId]]:
    """Yield every reminder and follow-up that a provider accepted, with the time, ms."""
    for at_ms, mail in run.mailer.accepted_mails:
        tags = mail.tags
        if "reminder" in tags:
            yield at_ms, DeliveryId(f"{tags['booking']}/{tags['start']}/{tags['reminder']}")
        elif "follow_up" in tags:
            yield at_ms, DeliveryId(f"{tags['booking']}/{tags['trigger']}/{tags['follow_up']}")
    for at_ms, text in run.texter.accepted_texts:
        yield at_ms, _delivery_of(text)


def _reminders(run: FinishedRun) -> Iterator[tuple[int, DeliveryId, CallHistory]]:
    for at_ms, delivery in _accepted(run):
        if _is_reminder(delivery):
            yield at_ms, delivery, run.histories[split_delivery_id(delivery)[0]]


def _follow_ups(run: FinishedRun) -> Iterator[tuple[int, DeliveryId, CallHistory]]:
    for at_ms, delivery in _accepted(run):
        if not _is_reminder(delivery):
            yield at_ms, delivery, run.histories[split_delivery_id(delivery)[0]]


def _is_reminder(delivery: DeliveryId) -> bool:
    return delivery.split("/")[1].isdecimal()


def _occasion_of(delivery: DeliveryId) -> tuple[str, Trigger]:
    """Return the booking and its trigger."""
    return delivery.split("/")[0], _trigger_of(delivery)


def _start_of(delivery: DeliveryId) -> int:
    return int(delivery.split("/")[1])


def _trigger_of(delivery: DeliveryId) -> Trigger:
    return Trigger(delivery.split("/")[1])


def _minute_of_day(at_ms: int, zone: ZoneInfo) -> int:
    local = datetime.fromtimestamp(at_ms / 1000, zone)
    return local.hour * 60 + local.minute
