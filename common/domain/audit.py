"""
Three accounts of the same mails: what the ledger says, what the provider lists, what Notion shows.

    missing       the ledger says accepted, and the provider does not list it; or long due, and nothing waits to be done
    doubled       the provider lists more than one mail of one step, or one reminder, to one person
    unexplained   the provider, or Notion, knows of a mail that the ledger does not know of; or Notion lacks one

Mails are steps and reminders; what is said of the latter is in `audit_bookings.py`.

The accounts are read one after the other while workers go on: what was merely late in one of them is asked about twice
by the caller.
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
from common.domain.text import AcceptedText

APART_MS = 120_000
"""Notion may cut an instant to its minute, and clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """
    `waits`: by step (0: the enrollment's classification), the instant at which something is to happen to it.
    `under_way`: steps that were claimed and have no final status yet. `is_held`: nothing of it is sent for now.
    """

    enrollment: Enrollment
    waits: Mapping[Step, int]
    under_way: frozenset[Step] = frozenset()
    is_held: bool = False

    @property
    def email(self) -> str:
        return self.enrollment.assessment.email


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A row of Notion: the steps it shows as sent, of those it has a column for."""

    page_id: str
    email: str
    steps: frozenset[Step]
    columns: frozenset[Step]


class Subjects(ReminderSubjects, Protocol):
    """Whose mail a listed one is; see `actors/sending/mail_matching.py`."""

    def steps_of(self, subject: str, person: Assessment) -> Sequence[Step]: ...


def compare(
    people: Sequence[Audited],
    mails: Mapping[str, Sequence[AcceptedMail]],
    rows: Sequence[Shown],
    subjects: Subjects,
    terms: Terms,
    *,
    reminders: Sequence[AuditedReminder] = (),
    unread: Sequence[UnreadCall] = (),
    texts: Sequence[AcceptedText] | None = (),
) -> set[Finding]:
    """
    Everything that the accounts do not agree on. `mails`: by address, the oldest first.

    `texts`: all SMS; None: the provider could not be asked, and accepted ones are taken as they are.
    """
    shown: dict[str, list[Shown]] = {}
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
    found.update(_of_strangers(shown))
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
    """Of the steps; what is none of theirs stays in `left`."""
    enrollment = one.enrollment
    accepted: set[Step] = set()
    for step, record in enrollment.records.items():
        if record.sent_ms is None:
            continue
        accepted.add(step)
        mail = _its_mail(step, record, left, enrollment, subjects)
        if mail is None:
            yield Finding("missing", one.email, step, f"accepted as {record.detail}, and the provider does not list it")
        else:
            left.remove(mail)
    for mail in list(left):
        numbers = subjects.steps_of(mail.subject, enrollment.assessment)
        if not numbers:
            continue
        left.remove(mail)
        number = _whose(numbers, accepted, one.under_way)
        if number in accepted:
            yield Finding("doubled", one.email, number, f"the provider lists {mail.id} too")
        elif number not in one.under_way:  # Else its answer is on its way, or lost and being asked for.
            final_status = enrollment.final_status_of(number)[0]
            yield Finding(
                "unexplained", one.email, number, f"the provider lists {mail.id}, and the ledger says {final_status}"
            )
        accepted.add(number)


def _whose(numbers: Sequence[Step], accepted: Collection[Step], under_way: Collection[Step]) -> Step:
    """Of the steps that have its subject one that may still be it: rather one that was claimed, else the first."""
    left = [number for number in numbers if number not in accepted]
    claimed = [number for number in left if number in under_way]
    return next(iter([*claimed, *left, *numbers]))


def _its_mail(
    step: Step, record: Record, left: Iterable[AcceptedMail], enrollment: Enrollment, subjects: Subjects
) -> AcceptedMail | None:
    """By its id; where a rebuild found only a date, by its subject, else by its instant."""
    if record.detail != AS_NOTION_SHOWS:
        return next((mail for mail in left if mail.id == record.detail), None)
    sent_ms = record.sent_ms
    assert sent_ms is not None
    by_subject = [mail for mail in left if step in subjects.steps_of(mail.subject, enrollment.assessment)]
    nearest = min(by_subject, key=lambda mail: abs(mail.created_ms - sent_ms), default=None)
    return nearest or next((mail for mail in left if abs(mail.created_ms - sent_ms) < APART_MS), None)


def _of_rows(one: Audited, rows: Sequence[Shown], terms: Terms) -> Iterator[Finding]:
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


def _of_strangers(shown: Mapping[str, Sequence[Shown]]) -> Iterator[Finding]:
    for email, rows in shown.items():
        for row in rows:
            if email or row.steps:
                who = f"Notion has a row (page {row.page_id}), and the ledger does not know whose it is"
                yield Finding("unexplained", email, 0, who)
