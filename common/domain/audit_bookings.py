"""The audit of bookings, reminders and follow-ups: the second half of `audit.py`, with the same kinds of findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.delivery import Channel, DeliveryStatus, Record, Trigger
from common.domain.ids import DeliveryId, Step, step_order
from common.domain.mail import AcceptedMail
from common.domain.reminders import PASSED
from common.domain.series import Booking
from common.domain.sms import AcceptedSms

HEALED_MS = 600_000
"""The sweeper reschedules a lost delivery within a minute; one that is still missing after this time stays lost."""
LONG_MS = 86_400_000
"""By this time an outage of workers or a backlog is over."""

Kind = Literal["missing", "doubled", "unexplained"]


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One disagreement between ledger, provider and Notion.

    `email`: the contact's address. `step`: the step, or 0 when it concerns the whole contact or a reminder. `what`: the
    text for the operator. `reminder`: the reminder (`start_ms/24h`) or follow-up (`no_show/missed`), otherwise "".
    """

    kind: Kind
    email: str
    step: Step
    what: str
    reminder: str = ""

    @property
    def place(self) -> tuple[object, ...]:
        """The sort key of findings."""
        return self.kind, self.email, step_order(self.step), self.what, self.reminder


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    The terms of one audit. `is_waiting`: all mail of the campaign waits, because it is paused or the provider is in
    trouble.
    """

    now_ms: int
    cadence: Cadence
    is_waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedReminder:
    """
    One reminder of one start of a booking, or one follow-up, which has a `trigger`.

    `name`: such as `24h`. `record`: None when the ledger has none. `waits_ms`: its time in the schedule, None when it
    is not scheduled. `is_under_way`: claimed, without a final status yet. `is_held`: nothing is sent to this guest for
    now. `signup`: the assessment of an enrolled guest whose booking has no time zone.
    """

    booking: Booking
    start_ms: int
    name: str
    due_ms: int
    record: Record | None = None
    waits_ms: int | None = None
    is_under_way: bool = False
    is_held: bool = False
    signup: Assessment | None = None
    trigger: Trigger | None = None

    @property
    def record_name(self) -> str:
        """The delivery's name: `1764856800000/24h` or `no_show/missed`."""
        return f"{self.trigger or self.start_ms}/{self.name}"

    @property
    def id(self) -> DeliveryId:
        return DeliveryId(f"{self.booking.id}/{self.record_name}")

    @property
    def channel(self) -> Channel:
        return Channel.SMS if self.name.endswith(Channel.SMS.suffix) else Channel.EMAIL

    @property
    def email(self) -> str:
        return self.booking.email or ""

    @property
    def sent_as(self) -> str | None:
        """The provider's id, None if it was not accepted."""
        return self.record.detail if self.record is not None and self.record.sent_ms is not None else None

    def finding(self, kind: Kind, what: str) -> Finding:
        return Finding(kind, self.email, 0, what, reminder=self.record_name)


@dataclass(frozen=True, slots=True)
class UnreadCall:
    """
    A booking that was reported or changed at `reported_ms` and has not been processed. `is_arranged`: a job for it
    waits.
    """

    email: str
    reported_ms: int
    is_arranged: bool


class ReminderSubjects(Protocol):
    """Finds the reminder to which a listed mail belongs; see `actors/sending/mail_matching.py`."""

    def reminder_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> AuditedReminder | None: ...

    def is_ours(self, mail: AcceptedMail) -> bool: ...


def by_person(reminders: Iterable[AuditedReminder]) -> dict[str, list[AuditedReminder]]:
    """Group the reminders by address."""
    found: dict[str, list[AuditedReminder]] = {}
    for reminder in reminders:
        found.setdefault(reminder.email, []).append(reminder)
    return found


def of_ledger(reminders: Iterable[AuditedReminder], listed: Collection[str], terms: Terms) -> Iterator[Finding]:
    """
    Yield reminders that the provider does not list although they were accepted, and reminders that are overdue or not
    scheduled. `listed`: the provider's ids of all messages.
    """
    for reminder in reminders:
        if reminder.sent_as is not None and reminder.sent_as not in listed:
            what = f"accepted as {reminder.sent_as}, and the provider does not list it"
            yield reminder.finding("missing", what)
        if reminder.record is None or reminder.record.status is DeliveryStatus.PLANNED:
            yield from _of_waiting(reminder, terms)


def _of_waiting(reminder: AuditedReminder, terms: Terms) -> Iterator[Finding]:
    """Yield findings for a reminder without a final status. It is settled by the start of its call at the latest."""
    if reminder.is_held:
        return
    if reminder.waits_ms is None:
        if reminder.due_ms + HEALED_MS < terms.now_ms:
            yield reminder.finding("missing", "due, and nothing waits to send it")
    elif reminder.trigger is None and reminder.start_ms + HEALED_MS < terms.now_ms and not terms.is_waiting:
        yield reminder.finding("missing", "its call has begun, and it was neither sent nor called off")
    elif max(reminder.waits_ms, reminder.due_ms) + LONG_MS < terms.now_ms and not terms.is_waiting:
        yield reminder.finding("missing", "due for more than a day, and not sent")


def of_unread(calls: Iterable[UnreadCall], terms: Terms) -> Iterator[Finding]:
    for call in calls:
        if call.reported_ms + (LONG_MS if call.is_arranged else HEALED_MS) < terms.now_ms:
            yield Finding("missing", call.email, 0, "a booking was reported or changed and has not been processed")


def of_mails(
    email: str, left: Iterable[AcceptedMail], reminders: Sequence[AuditedReminder], subjects: ReminderSubjects
) -> Iterator[Finding]:
    """Yield findings for the mails in `left`: mails to one address that match no record and no step."""
    accounted = {one.id for one in reminders if one.sent_as is not None}
    for mail in left:
        reminder = subjects.reminder_of(mail, reminders)
        if reminder is None:
            if subjects.is_ours(mail):
                yield Finding("unexplained", email, 0, f"the provider lists {mail.id} ({mail.subject})")
            continue
        if reminder.id in accounted:
            yield reminder.finding("doubled", f"the provider lists {mail.id} too")
        elif not reminder.is_under_way and not _is_older(mail, reminder):
            status = reminder.record.status if reminder.record else DeliveryStatus.PLANNED
            yield reminder.finding("unexplained", f"the provider lists {mail.id}, and the ledger says {status}")
        accounted.add(reminder.id)


def of_texts(texts: Sequence[AcceptedSms], reminders: Sequence[AuditedReminder]) -> Iterator[Finding]:
    """Yield SMS without a record whose number and text equal those of a recorded one. Other SMS are ignored."""
    whose = {one.sent_as: one for one in reminders if one.sent_as is not None}
    ours = {(text.to, text.body): whose[text.id] for text in texts if text.id in whose}
    for text in texts:
        if text.id not in whose and (reminder := ours.get((text.to, text.body))) is not None:
            yield reminder.finding("doubled", f"the provider lists {text.id} too")


def _is_older(mail: AcceptedMail, reminder: AuditedReminder) -> bool:
    """
    Whether another store sent the mail: it was accepted before this ledger learned of the call, and its reminder was
    skipped because its time had passed by then.
    """
    record = reminder.record
    had_passed = record is not None and record.status is DeliveryStatus.SKIPPED and record.detail == PASSED
    return had_passed and mail.created_ms < reminder.booking.received_ms
