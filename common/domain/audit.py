"""
The audit: compares what the ledger says about mails, what the provider lists, and what Notion shows.

    missing       the ledger says accepted, and the provider does not list it; or it is long due and not scheduled
    doubled       the provider lists more than one mail to a contact for the same step or reminder
    unexplained   the provider or Notion has a mail that the ledger does not have; or Notion lacks one

This module audits steps; `audit_bookings.py` audits reminders and follow-ups.

The three sources are read one after the other while workers continue to send. Therefore the caller compares contacts
with findings a second time and reports only what it finds both times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.domain import audit_bookings
from common.domain.audit_bookings import HEALED_MS as HEALED_MS
from common.domain.audit_bookings import LONG_MS as LONG_MS
from common.domain.audit_bookings import AuditedReminder, ReminderSubjects, UnreadCall
from common.domain.audit_bookings import Finding as Finding
from common.domain.audit_bookings import Kind as Kind
from common.domain.audit_bookings import Terms as Terms
from common.domain.contact import Assessment
from common.domain.delivery import Channel, Record
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import Step
from common.domain.mail import AcceptedMail
from common.domain.notion_import import AS_NOTION_SHOWS
from common.domain.sms import AcceptedSms

APART_MS = 120_000
"""How far two times of the same mail may differ: Notion may truncate times to the minute, and clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """
    An enrollment and its place in the schedule.

    `waits`: step (0: the enrollment's classification) → its time in the schedule. `under_way`: steps that are claimed
    and have no final status yet. `is_held`: nothing of the enrollment is sent for now.
    """

    enrollment: Enrollment
    waits: Mapping[Step, int]
    under_way: frozenset[Step] = frozenset()
    is_held: bool = False

    @property
    def email(self) -> str:
        return self.enrollment.assessment.email


@dataclass(frozen=True, slots=True, kw_only=True)
class NotionRow:
    """A row in Notion. `steps`: the steps that it shows as sent. `columns`: the steps for which it has a column."""

    page_id: str
    email: str
    steps: frozenset[Step]
    columns: frozenset[Step]


class Subjects(ReminderSubjects, Protocol):
    """Finds the step or reminder to which a listed mail belongs; see `actors/sending/mail_matching.py`."""

    def steps_of(self, subject: str, person: Assessment) -> Sequence[Step]: ...


def compare(
    people: Sequence[Audited],
    mails: Mapping[str, Sequence[AcceptedMail]],
    rows: Sequence[NotionRow],
    subjects: Subjects,
    terms: Terms,
    *,
    reminders: Sequence[AuditedReminder] = (),
    unread: Sequence[UnreadCall] = (),
    texts: Sequence[AcceptedSms] | None = (),
) -> set[Finding]:
    """
    Return all disagreements of the three sources.

    `mails`: the provider's mails by address, oldest first. `texts`: all SMS that the provider lists; None when it could
    not be queried, and then SMS that the ledger says were accepted are trusted.
    """
    shown: dict[str, list[NotionRow]] = {}
    for row in rows:
        shown.setdefault(row.email, []).append(row)
    calls = audit_bookings.by_person(reminders)
    known = {reminder.sent_as for reminder in reminders}
    listed = {mail.id for some in mails.values() for mail in some} | {text.id for text in texts or ()}
    if texts is None:
        listed |= {one.sent_as for one in reminders if one.channel is Channel.SMS and one.sent_as is not None}
    found = {*audit_bookings.of_ledger(reminders, listed, terms), *audit_bookings.of_unread(unread, terms)}
    found.update(audit_bookings.of_texts(texts or (), reminders))
    for one in people:
        left = [mail for mail in mails.get(one.email, ()) if mail.id not in known]
        found.update(_of_schedule(one, terms))
        found.update(_of_mails(one, left, subjects))
        found.update(audit_bookings.of_mails(one.email, left, calls.pop(one.email, []), subjects))
        found.update(_of_rows(one, shown.pop(one.email, []), terms))
    for email, theirs in calls.items():
        since_ms = min(reminder.booking.received_ms for reminder in theirs)
        left = [mail for mail in mails.get(email, ()) if mail.id not in known and mail.created_ms >= since_ms]
        found.update(audit_bookings.of_mails(email, left, theirs, subjects))
    found.update(_of_unknown_rows(shown))
    return found


def _of_schedule(one: Audited, terms: Terms) -> Iterator[Finding]:
    enrollment = one.enrollment
    if enrollment.status is Status.ACCEPTED and enrollment.assessed_ms + HEALED_MS < terms.now_ms:
        if not one.waits:
            yield Finding("missing", one.email, 0, "signed up, and nothing waits to begin")
        return
    if enrollment.status is not Status.ACTIVE or one.is_held:
        return
    later = terms.cadence.after(enrollment.next_step) if enrollment.next_step in terms.cadence.steps else ()
    for step in terms.cadence.steps:
        if step not in enrollment.records and step not in later:
            yield from _of_waiting(one, step, terms)


def _of_waiting(one: Audited, step: Step, terms: Terms) -> Iterator[Finding]:
    due_ms = terms.cadence.due_ms(anchor_ms=one.enrollment.anchor_ms, step=step)
    waits_ms = one.waits.get(step)
    if waits_ms is None and due_ms + HEALED_MS < terms.now_ms:
        yield Finding("missing", one.email, step, "due, and nothing waits to send it")
    elif waits_ms is not None and max(waits_ms, due_ms) + LONG_MS < terms.now_ms and not terms.is_waiting:
        yield Finding("missing", one.email, step, "due for more than a day, and not sent")


def _of_mails(one: Audited, left: list[AcceptedMail], subjects: Subjects) -> Iterator[Finding]:
    """Yield the findings about steps. Mails of no step stay in `left`; all others are removed from it."""
    enrollment = one.enrollment
    accepted: set[Step] = set()
    for step, record in enrollment.records.items():
        if record.sent_ms is None:
            continue
        accepted.add(step)
        mail = _mail_of_step(step, record, left, enrollment, subjects)
        if mail is None:
            yield Finding("missing", one.email, step, f"accepted as {record.detail}, and the provider does not list it")
        else:
            left.remove(mail)
    for mail in list(left):
        numbers = subjects.steps_of(mail.subject, enrollment.assessment)
        if not numbers:
            continue
        left.remove(mail)
        number = _likeliest_step(numbers, accepted, one.under_way)
        if number in accepted:
            yield Finding("doubled", one.email, number, f"the provider lists {mail.id} too")
        elif number not in one.under_way:  # Otherwise its answer is still to come, or lost and being looked up.
            status = enrollment.step_status(number)[0]
            yield Finding(
                "unexplained", one.email, number, f"the provider lists {mail.id}, and the ledger says {status}"
            )
        accepted.add(number)


def _likeliest_step(numbers: Sequence[Step], accepted: Collection[Step], under_way: Collection[Step]) -> Step:
    """Return the step that a mail most likely is: a claimed step if possible, then any that was not accepted yet."""
    left = [number for number in numbers if number not in accepted]
    claimed = [number for number in left if number in under_way]
    return next(iter([*claimed, *left, *numbers]))


def _mail_of_step(
    step: Step, record: Record, left: Iterable[AcceptedMail], enrollment: Enrollment, subjects: Subjects
) -> AcceptedMail | None:
    """Find the step's mail by its id. After a rebuild that found only a date, by its subject, or else by its time."""
    if record.detail != AS_NOTION_SHOWS:
        return next((mail for mail in left if mail.id == record.detail), None)
    sent_ms = record.sent_ms
    assert sent_ms is not None
    by_subject = [mail for mail in left if step in subjects.steps_of(mail.subject, enrollment.assessment)]
    nearest = min(by_subject, key=lambda mail: abs(mail.created_ms - sent_ms), default=None)
    return nearest or next((mail for mail in left if abs(mail.created_ms - sent_ms) < APART_MS), None)


def _of_rows(one: Audited, rows: Sequence[NotionRow], terms: Terms) -> Iterator[Finding]:
    enrollment = one.enrollment
    is_mirrored = enrollment.revision == enrollment.mirrored_revision
    if len(rows) > 1:
        yield Finding("unexplained", one.email, 0, f"Notion has {len(rows)} rows: {', '.join(r.page_id for r in rows)}")
    if not rows:
        if is_mirrored or enrollment.assessed_ms + LONG_MS < terms.now_ms:
            yield Finding("unexplained", one.email, 0, "Notion has no row")
        return
    shown = frozenset().union(*(row.steps for row in rows))
    columns = frozenset().union(*(row.columns for row in rows))
    sent = {step: record.sent_ms for step, record in enrollment.records.items() if record.sent_ms}
    for step in shown - sent.keys():
        yield Finding("unexplained", one.email, step, "Notion shows it as sent, and the ledger does not")
    for step in (sent.keys() & columns) - shown:
        if is_mirrored or sent[step] + LONG_MS < terms.now_ms:
            yield Finding("unexplained", one.email, step, "the ledger says sent, and Notion does not show it")


def _of_unknown_rows(shown: Mapping[str, Sequence[NotionRow]]) -> Iterator[Finding]:
    for email, rows in shown.items():
        for row in rows:
            if email or row.steps:
                who = f"Notion has a row (page {row.page_id}), and the ledger does not know whose it is"
                yield Finding("unexplained", email, 0, who)
