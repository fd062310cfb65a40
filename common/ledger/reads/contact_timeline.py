"""Read-only: what happened to one contact and what is to come, for `advent contact` and the console's page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace

from common.clock import iso
from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact import Consent, SmsConsent
from common.domain.delivery import Delivery, DeliveryStatus, Record, delivery_of
from common.domain.enrollment import Enrollment
from common.domain.feedback import FeedbackKind
from common.domain.ids import DeliveryId, EnrollmentId, step_name
from common.ledger import keys
from common.ledger.bookings import ReportedCall
from common.ledger.feedback import Reported
from common.ledger.ledger import Ledger
from common.ledger.pauses import Pause
from common.ledger.reads.call_mails import read_call_mails
from common.ledger.reads.person_mails import PersonMail, read_person_mails

NOTE = "note"
"""What the scripts call an entry whose detail is a note, JSON."""
NOT_ENROLLED = "not enrolled"
"""The status of a person who only booked a call."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline: `what` happened at `at_ms`. `delivery`: the one that it concerns, if any."""

    at_ms: int
    what: str
    detail: str
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class FieldNote:
    """A field of a signup or a booking that was not used as it was sent; see `common/domain/note.py`."""

    at_ms: int
    field: str
    what: str
    kept: str | int | float | None


@dataclass(frozen=True, slots=True)
class Planned:
    """`what` is still to come, at `due_ms`; `why`: the reason why not now."""

    due_ms: int
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """`what` was never claimed and is not sent any more."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactTimeline:
    """
    What happened to one person, oldest first; what is to come, soonest first; the steps that are not sent any more.

    `enrollment_id`: for a person who booked a call and never signed up, the id that their enrollment would have; then
    `status` is NOT_ENROLLED and `segment` is None. `language`: as a signup named it. `paused`: the pause of this
    contact; `everybody_paused`: of all mail; `campaign_paused`: of the campaign. `calls`: in no order. `mails`: the
    steps; `call_mails`: what is sent about the calls.
    """

    enrollment_id: EnrollmentId
    enrollment: Enrollment | None
    calls: list[ReportedCall]
    email: str
    first_name: str
    campaign: str
    segment: str | None
    language: str | None
    status: str
    exit_reason: str | None
    paused: Pause | None
    everybody_paused: Pause | None
    campaign_paused: Pause | None
    happened: list[Entry]
    next: list[Planned]
    not_sent: list[NotSent]
    mails: list[PersonMail]
    call_mails: list[PersonMail]
    notes: list[FieldNote]
    consent: Consent | None
    sms_consent: SmsConsent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownContact:
    """A person in one campaign; `status`: that of their enrollment, or NOT_ENROLLED."""

    enrollment_id: EnrollmentId
    campaign: str
    status: str


async def find_contacts(ledger: Ledger, address: str) -> list[KnownContact]:
    """Return the contact of an address in each campaign; if there is none, the contact with its calls, if any."""
    enrolled, booked = [], []
    for contact in await ledger.mailboxes.in_campaigns(address):
        if (enrollment := await ledger.enrollments.get(contact)) is not None:
            known = KnownContact(enrollment_id=contact, campaign=enrollment.campaign, status=enrollment.status)
            enrolled.append(known)
        elif await ledger.bookings.unenrolled(contact) is not None:
            booked.append(KnownContact(enrollment_id=contact, campaign=ledger.campaign, status=NOT_ENROLLED))
    return enrolled or booked


async def read_timelines(ledger: Ledger, address: str, *, now_ms: int) -> list[ContactTimeline]:
    """Return the timeline of each contact of this address."""
    contacts = await find_contacts(ledger, address)
    found = [await read_contact_timeline(ledger, contact.enrollment_id, now_ms=now_ms) for contact in contacts]
    return [one for one in found if one is not None]


async def read_contact_timeline(ledger: Ledger, contact: EnrollmentId, *, now_ms: int) -> ContactTimeline | None:
    """Return the timeline of a contact; None for a person who neither signed up nor booked a call."""
    enrollment = await ledger.enrollments.get(contact)
    booked = await ledger.bookings.unenrolled(contact) if enrollment is None else None
    who = enrollment.assessment if enrollment is not None else booked
    if who is None:
        return None
    with_calls = enrollment.contact_id if enrollment else contact
    calls = [call async for call in ledger.bookings.calls(with_calls)]
    pauses = await ledger.pauses.active()
    mails = await read_person_mails(ledger, enrollment, pauses, now_ms=now_ms) if enrollment else []
    ended = enrollment.records if enrollment else {}
    call_mails = await read_call_mails(ledger, contact, calls, pauses, now_ms=now_ms)
    planned = [_planned(mail) for mail in [*call_mails, *mails] if mail.is_to_come]
    return ContactTimeline(
        enrollment_id=contact,
        enrollment=enrollment,
        calls=calls,
        email=who.email,
        first_name=who.first_name or "",
        campaign=enrollment.campaign if enrollment else ledger.campaign,
        segment=enrollment.segment if enrollment else None,
        language=enrollment.language if enrollment else None,
        status=enrollment.status if enrollment else NOT_ENROLLED,
        exit_reason=enrollment.exit_reason if enrollment else None,
        paused=pauses.contacts.get(contact),
        everybody_paused=pauses.everybody,
        campaign_paused=pauses.campaigns.get(enrollment.campaign) if enrollment else None,
        happened=await read_happened(ledger, contact, enrollment, calls),
        next=sorted(planned, key=lambda each: each.due_ms),
        not_sent=[
            NotSent(f"{mail.delivery.label} not sent", mail.why)
            for mail in mails
            if not mail.is_to_come and mail.delivery.step not in ended
        ],
        mails=mails,
        call_mails=call_mails,
        notes=[note async for note in read_field_notes(ledger, contact)],
        consent=enrollment.assessment.consent if enrollment else None,
        sms_consent=enrollment.assessment.sms_consent if enrollment else None,
    )


EXITED = "exited"
"""This entry follows from what happened at the same moment, such as a bounce, and comes after it."""


async def read_happened(
    ledger: Ledger, contact: EnrollmentId, enrollment: Enrollment | None, calls: list[ReportedCall]
) -> list[Entry]:
    """Return the past of one contact, enrolled or not, oldest first."""
    entries = []
    for line in await ledger.client.lrange(keys.timeline(contact), 0, -1):
        at_ms, what, detail = json.loads(line)
        entries.append(Entry(int(at_ms), what, _sentence(detail) if what == NOTE else detail))
    if enrollment is not None:
        entries.append(Entry(enrollment.anchor_ms, "signed up", enrollment.segment))
        steps = {step_name(step): record for step, record in enrollment.records.items()}
        entries += await _deliveries(ledger, enrollment.id, steps)
    for call in calls:
        entries += [Entry(event.received_ms, _what(event, call), _detail(event)) for event in call.events]
        entries += await _deliveries(ledger, call.booking.id, call.records)
    return sorted(entries, key=lambda entry: (entry.at_ms, entry.what == EXITED))


async def read_field_notes(ledger: Ledger, contact: EnrollmentId) -> AsyncIterator[FieldNote]:
    """Yield the notes about fields, oldest first."""
    for line in await ledger.client.lrange(keys.timeline(contact), 0, -1):
        at_ms, what, detail = json.loads(line)
        if what == NOTE:
            yield FieldNote(int(at_ms), **json.loads(detail))


def _sentence(note: str) -> str:
    reported = json.loads(note)
    return f"{reported['field']} {reported['what']}"


async def _deliveries(ledger: Ledger, owner: str, records: Mapping[str, Record]) -> list[Entry]:
    """Return what the ledger and the provider say of each delivery of one owner."""
    entries: list[Entry] = []
    for name, record in records.items():
        delivery = delivery_of(DeliveryId(f"{owner}/{name}"))
        entries += [replace(entry, delivery=delivery) for entry in _ended(delivery.label, record)]
    for one in await ledger.feedback.of(owner):
        delivery = delivery_of(DeliveryId(f"{owner}/{one.name}"))
        entries.append(replace(_reported(delivery.label, one, records.get(one.name)), delivery=delivery))
    return entries


def _ended(label: str, record: Record) -> Iterator[Entry]:
    if record.status is DeliveryStatus.PLANNED:
        return
    if not record.status.is_reported:
        yield Entry(record.at_ms, f"{label} {record.status}", record.detail)
    if record.sent_ms and (record.status.is_reported or record.sent_ms != record.at_ms):
        yield Entry(record.sent_ms, f"{label} accepted", record.detail)


_REPORTED = {FeedbackKind.SOFT_BOUNCED: "bounced for now", FeedbackKind.FAILED: "was not sent by the provider"}


def _reported(label: str, one: Reported, record: Record | None) -> Entry:
    """Return the entry of a report. It is never dated before the acceptance, which may be recorded after the report."""
    times = f"{one.times} times" if one.times > 1 else ""
    detail = ", ".join(part for part in (one.detail, times) if part)
    sent_ms = (record.sent_ms if record else None) or 0
    return Entry(max(one.first_ms, sent_ms), f"{label} {_REPORTED.get(one.kind, one.kind)}", detail)


def _planned(mail: PersonMail) -> Planned:
    why = mail.why if mail.state in ("planned", "due") else f"{mail.state}: {mail.why}"
    return Planned(mail.at_ms, f"{mail.delivery.label} planned", why)


_WHAT = {
    BookingKind.REQUESTED: "call requested",
    BookingKind.CREATED: "call booked",
    BookingKind.RESCHEDULED: "call moved",
    BookingKind.CANCELLED: "call cancelled",
    BookingKind.REJECTED: "call rejected",
    BookingKind.NO_SHOW: "no-show marked",
    BookingKind.ENDED: "call ended",
    BookingKind.REASSIGNED: "call given to another host",
    BookingKind.RELOCATED: "place of the call changed",
    BookingKind.LOST_MOVE: "call moved to an unknown booking",
}


def _what(event: BookingEvent, call: ReportedCall) -> str:
    return _WHAT[event.kind] if event.kind is not BookingKind.NO_SHOW else _mark(event, call)


def _mark(event: BookingEvent, call: ReportedCall) -> str:
    """Return whose absence was marked or taken back: the guest's, or else the host's, or else another attendee's."""
    marks = dict(event.no_shows)
    if not marks:
        return "absence reported without a mark"
    guest = call.booking.email
    if guest in marks or guest is None:
        is_absent = marks.get(guest, False) if guest else any(marks.values())
        return "no-show marked" if is_absent else "no-show taken back"
    hosts = {one.organizer_email for one in call.events}
    who = "host" if hosts & marks.keys() else "another attendee"
    return f"{who} marked absent" if any(marks.values()) else f"absence of {who} taken back"


def _detail(event: BookingEvent) -> str:
    """Return which meeting it is, and whether the host asked for another time."""
    start = "" if event.start_ms is None else f"for {iso(event.start_ms)}"
    return start + (", to be booked anew" if event.request_reschedule else "")
