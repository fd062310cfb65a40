"""Audits bookings and their reminders: the second half of `audit.py`, with the same three kinds of findings."""

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
from common.domain.text import AcceptedText

HEALED_MS = 600_000
"""What lost its place in the schedule is put back within a minute; after ten, nobody will."""
LONG_MS = 86_400_000
"""An outage of workers, or a backlog, is over after this long."""

Kind = Literal["missing", "doubled", "unexplained"]


@dataclass(frozen=True, slots=True)
class Finding:
    """
    `email`: whose it is. `step`: which one, 0 for the person as a whole, or a reminder. `what`: for the operator.

    `reminder`: which one, `start_ms/24h`, or which follow-up, `no_show/missed`, or "".
    """

    kind: Kind
    email: str
    step: Step
    what: str
    reminder: str = ""

    @property
    def place(self) -> tuple[object, ...]:
        """By which findings are sorted."""
        return self.kind, self.email, step_order(self.step), self.what, self.reminder


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`is_waiting`: the campaign is paused, or the provider is in trouble, and everybody waits."""

    now_ms: int
    cadence: Cadence
    is_waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedReminder:
    """
    One reminder of one start of a booking, or one follow-up of it, which has a `trigger`. `name`: `24h`. `record`: None
    when the ledger has no word of it.

    `waits_ms`: the instant at which something is to happen to it. `is_under_way`: claimed, without a final status yet.
    `is_held`: nothing is sent to this person for now. `signup`: of a guest who is enrolled and named no
    time zone when booking.
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
        """`1764856800000/24h`, `no_show/missed`."""
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
        """The provider's id of it, if it was accepted."""
        return self.record.detail if self.record is not None and self.record.sent_ms is not None else None

    def finding(self, kind: Kind, what: str) -> Finding:
        return Finding(kind, self.email, 0, what, reminder=self.record_name)


@dataclass(frozen=True, slots=True)
class UnreadCall:
    """A booking was reported or changed at `reported_ms` and has not been processed. `is_arranged`: a job waits to."""

    email: str
    reported_ms: int
    is_arranged: bool


class ReminderSubjects(Protocol):
    """Which reminder a listed mail is; see `actors/sending/mail_matching.py`."""

    def reminder_of(self, mail: AcceptedMail, reminders: Sequence[AuditedReminder]) -> AuditedReminder | None: ...

    def is_ours(self, mail: AcceptedMail) -> bool: ...


def by_person(reminders: Iterable[AuditedReminder]) -> dict[str, list[AuditedReminder]]:
    """By address."""
    found: dict[str, list[AuditedReminder]] = {}
    for reminder in reminders:
        found.setdefault(reminder.email, []).append(reminder)
    return found


def of_ledger(reminders: Iterable[AuditedReminder], listed: Collection[str], terms: Terms) -> Iterator[Finding]:
    """What the ledger cannot account for by itself, and what the provider does not list. `listed`: ids."""
    for reminder in reminders:
        if reminder.sent_as is not None and reminder.sent_as not in listed:
            what = f"accepted as {reminder.sent_as}, and the provider does not list it"
            yield reminder.finding("missing", what)
        if reminder.record is None or reminder.record.final_status is DeliveryStatus.PLANNED:
            yield from _of_waiting(reminder, terms)


def _of_waiting(reminder: AuditedReminder, terms: Terms) -> Iterator[Finding]:
    """Without a final status. A reminder is looked at when its call begins, at the latest; none waits for longer."""
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
    """Of mails to one person that no record explains, and that are no step's."""
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
            final_status = reminder.record.final_status if reminder.record else DeliveryStatus.PLANNED
            yield reminder.finding("unexplained", f"the provider lists {mail.id}, and the ledger says {final_status}")
        accounted.add(reminder.id)


def of_texts(texts: Sequence[AcceptedText], reminders: Sequence[AuditedReminder]) -> Iterator[Finding]:
    """SMS that are as one of ours, to the same number, and that no record explains. Others are not ours to judge."""
    whose = {one.sent_as: one for one in reminders if one.sent_as is not None}
    ours = {(text.to, text.body): whose[text.id] for text in texts if text.id in whose}
    for text in texts:
        if text.id not in whose and (reminder := ours.get((text.to, text.body))) is not None:
            yield reminder.finding("doubled", f"the provider lists {text.id} too")


def _is_older(mail: AcceptedMail, reminder: AuditedReminder) -> bool:
    """Accepted before this ledger heard of the call, for an hour that had passed by then: another store sent it."""
    record = reminder.record
    had_passed = record is not None and record.final_status is DeliveryStatus.SKIPPED and record.detail == PASSED
    return had_passed and mail.created_ms < reminder.booking.received_ms
