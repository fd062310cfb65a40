"""Read-only: the ledger's side of an audit: all contacts, their calls, and what each delivery waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from common.domain.audit import Audited
from common.domain.audit_bookings import AuditedReminder, UnreadCall
from common.domain.booking import BookingEvent
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus, Kind, Record, Trigger, delivery_of
from common.domain.ids import BookingId, DeliveryId, EnrollmentId, GuestId, Step
from common.domain.reminders import ReminderRules, reminders_of
from common.domain.series import Booking
from common.ledger import codec, keys
from common.ledger.booking_codec import read_booking
from common.ledger.constants import MAIL, SENDING_QUEUES
from common.ledger.ledger import Ledger
from common.ledger.pauses import campaign_scope
from common.ledger.store import texts

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class AuditSnapshot:
    """
    The ledger's side of an audit of one campaign.

    `is_waiting`: nothing is sent now, because the campaign is paused or the provider is in trouble. `elsewhere`:
    contacts of other campaigns; `sent_elsewhere`: the provider's ids of their mails.
    """

    people: list[Audited]
    reminders: list[AuditedReminder]
    unread: list[UnreadCall]
    is_waiting: bool
    elsewhere: list[Audited] = field(default_factory=list)
    sent_elsewhere: frozenset[str] = frozenset()

    @property
    def sent_ids(self) -> frozenset[str]:
        """The provider's ids of this campaign's mails."""
        records = [record for one in self.people for record in one.enrollment.records.values()]
        reminders = {one.sent_as for one in self.reminders if one.sent_as is not None}
        return frozenset(record.detail for record in records if record.sent_ms is not None) | reminders


async def read_audit_snapshot(
    ledger: Ledger,
    rules: ReminderRules,
    *,
    now_ms: int,
    campaign: str | None = None,
    only: Sequence[EnrollmentId] | None = None,
) -> AuditSnapshot:
    """Return the snapshot of a campaign, by default the first one: of all contacts, or of the enrollments `only`."""
    campaign = campaign or ledger.campaign
    owners = list(only) if only is not None else [owner async for owner in ledger.enrollments.ids()]
    schedule = await _schedule(ledger)
    people: list[Audited] = []
    for first in range(0, len(owners), AT_ONCE):
        people += await _people(ledger, owners[first : first + AT_ONCE], schedule)
    reminders, others = await _reminders(ledger, schedule.reminders, rules, campaign)
    elsewhere = [one for one in people if one.enrollment.campaign != campaign]
    records = [record for one in elsewhere for record in one.enrollment.records.values()]
    return AuditSnapshot(
        people=[one for one in people if one.enrollment.campaign == campaign],
        reminders=reminders,
        unread=await _unread(ledger, schedule.bookings, now_ms=now_ms),
        is_waiting=await _is_waiting(ledger, campaign),
        elsewhere=elsewhere,
        sent_elsewhere=frozenset(record.detail for record in (*records, *others) if record.sent_ms is not None),
    )


class _Schedule:
    """
    When something is to happen to each enrollment, delivery and booking.

    `waits`: by enrollment and step (0: the classification), the due time; `claimed`: the steps that were claimed.
    `reminders`: by delivery, the due time; `bookings`: those whose processing is scheduled.
    """

    def __init__(self) -> None:
        self.waits: dict[str, dict[Step, int]] = {}
        self.claimed: dict[str, set[Step]] = {}
        self.reminders: dict[str, int] = {}
        self.bookings: set[str] = set()

    def add(self, job: str, due_ms: int, *, is_claimed: bool = False) -> None:
        owner: str = job
        step: Step = 0  # an enrollment that waits for its classification
        if "/" in job:
            delivery = delivery_of(DeliveryId(job))
            if delivery.kind is not Kind.STEP:
                self.reminders[job] = due_ms
                return
            owner, step = delivery.owner, delivery.step or 0
        self.waits.setdefault(owner, {})[step] = due_ms
        if is_claimed:
            self.claimed.setdefault(owner, set()).add(step)


async def _schedule(ledger: Ledger) -> _Schedule:
    pipe = ledger.client.pipeline(transaction=False)
    scheduled = [keys.delayed(queue) for queue in (*SENDING_QUEUES, "classify")]
    for name in (keys.OPEN, *scheduled):
        pipe.zrange(name, 0, -1, withscores=True)
    for queue in (*SENDING_QUEUES, "classify", "bookings"):
        pipe.hkeys(keys.QUEUE.messages(queue))
    pipe.zrange(keys.delayed("bookings"), 0, -1)
    opened, *answers, looking, to_look = await pipe.execute()
    delayed, ready = chain(*answers[: len(scheduled)]), chain(*answers[len(scheduled) :])
    found = _Schedule()
    for member, score in opened:
        found.add(member.decode(), int(score), is_claimed=True)
    for member, score in delayed:
        found.add(member.decode(), int(score))
    for name in ready:  # `job@due`, ready or in flight
        job, _, due_ms = name.decode().rpartition("@")
        found.add(job, int(due_ms))
    # A job's id is the booking, or booking/digest for each event that was reported.
    found.bookings = {name.decode().partition("@")[0].partition("/")[0] for name in (*looking, *to_look)}
    return found


async def _people(ledger: Ledger, owners: Sequence[EnrollmentId], schedule: _Schedule) -> list[Audited]:
    pipe = ledger.client.pipeline(transaction=False)
    for owner in owners:
        pipe.hgetall(keys.enrollment(owner))
        pipe.hexists(keys.PAUSES, owner)
    answers: list[Any] = texts(await pipe.execute())
    return [
        Audited(
            enrollment=codec.read_enrollment(owner, fields),
            waits=schedule.waits.get(owner, {}),
            under_way=frozenset(schedule.claimed.get(owner, ())),
            is_held="hold" in fields or bool(is_paused),
        )
        for owner, fields, is_paused in zip(owners, answers[::2], answers[1::2], strict=True)
        if fields
    ]


async def _is_waiting(ledger: Ledger, campaign: str) -> bool:
    pipe = ledger.client.pipeline(transaction=False)
    pipe.hexists(keys.PAUSES, campaign_scope(campaign))
    pipe.hexists(keys.PAUSES, "*")
    pipe.sismember(keys.PAUSED_QUEUES, "send")
    pipe.hexists(keys.circuit(MAIL), "until_ms")
    return any(await pipe.execute())


async def _reminders(
    ledger: Ledger, waits: Mapping[str, int], rules: ReminderRules, campaign: str
) -> tuple[list[AuditedReminder], list[Record]]:
    """
    Return all reminders of this campaign's calls, and the records of other campaigns' reminders.

    `waits`: by delivery, the time at which something happens to it.
    """
    paused = await ledger.store.read_hash(keys.PAUSES)
    found: list[AuditedReminder] = []
    others: list[Record] = []
    async for guest, fields in _guests(ledger):
        if fields.get("campaign") != campaign:
            others += codec.read_records(fields).values()
        elif "email" in fields and "uid" in fields:
            booking = read_booking(guest, fields)
            signup = await _signup(ledger, fields.get("contact")) if booking.timezone is None else None
            reminders = _reminders_of(booking, fields, waits, rules, is_held=fields.get("contact") in paused)
            found += [replace(one, signup=signup) for one in reminders]
    return await _with_claims(ledger, found), others


async def _signup(ledger: Ledger, contact: str | None) -> Assessment | None:
    """Return the signup of a guest whose booking has no time zone; there are few, because Cal.com sends one."""
    enrollment = await ledger.enrollments.get(EnrollmentId(contact)) if contact else None
    return enrollment.assessment if enrollment else None


def _reminders_of(
    booking: Booking, fields: Mapping[str, str], waits: Mapping[str, int], rules: ReminderRules, *, is_held: bool
) -> list[AuditedReminder]:
    """Return the reminders of which the ledger has a record, and those of which it should have one."""
    records = codec.read_records(fields)
    before_ms = dict(rules.before_ms) | {f"{name}.sms": ms for name, ms in rules.sms_before_ms}
    expected = [f"{one.start_ms}/{one.name}" for one in reminders_of(booking, rules) if one.skip_reason is None]
    found = []
    for name in dict.fromkeys([*records, *expected]):
        head, _, called = name.partition("/")
        start_ms = int(head) if head.isdecimal() else booking.start_ms or 0
        record = records.get(name)
        is_planned = record is not None and record.status is DeliveryStatus.PLANNED
        found.append(
            AuditedReminder(
                booking=booking,
                start_ms=start_ms,
                name=called,
                trigger=None if head.isdecimal() else Trigger(head),
                due_ms=record.at_ms if record and is_planned else start_ms - before_ms.get(called, 0),
                record=record,
                waits_ms=waits.get(f"{booking.id}/{name}"),
                is_held=is_held,
            )
        )
    return found


async def _with_claims(ledger: Ledger, found: list[AuditedReminder]) -> list[AuditedReminder]:
    """Mark the planned deliveries that were claimed at least once: the provider may have these already."""
    planned = [one for one in found if one.record is not None and one.record.status is DeliveryStatus.PLANNED]
    pipe = ledger.client.pipeline(transaction=False)
    for one in planned:
        pipe.exists(keys.delivery(one.id))
    answers: list[int] = await pipe.execute() if planned else []
    claimed = {id(one) for one, is_there in zip(planned, answers, strict=True) if is_there}
    return [replace(one, is_under_way=id(one) in claimed) for one in found]


async def _guests(ledger: Ledger) -> AsyncIterator[tuple[GuestId, dict[str, str]]]:
    """Yield all guests. There is no list of them, and an audit may take long: keys are scanned, a page at a time."""
    page: list[str] = []
    async for key in ledger.client.scan_iter(match=keys.guest("*"), count=1_000):
        page.append(key.decode())
        if len(page) == AT_ONCE:
            for found in await _read(ledger, page):
                yield found
            page = []
    for found in await _read(ledger, page):
        yield found


async def _read(ledger: Ledger, page: Sequence[str]) -> list[tuple[GuestId, dict[str, str]]]:
    pipe = ledger.client.pipeline(transaction=False)
    for key in page:
        pipe.hgetall(key)
    answers: list[Any] = await pipe.execute() if page else []
    prefix = len(keys.guest(""))
    return [(GuestId(key[prefix:]), texts(raw)) for key, raw in zip(page, answers, strict=True)]


async def _unread(ledger: Ledger, arranged: Collection[str], *, now_ms: int) -> list[UnreadCall]:
    """Return the bookings whose processing is overdue. `arranged`: those for which a job waits or is in flight."""
    overdue: Any = await ledger.client.zrangebyscore(keys.BOOKINGS, "-inf", now_ms, withscores=True)
    found = []
    for member, reported_ms in overdue:
        booking = BookingId(GuestId(member.decode()))
        events = map(BookingEvent.from_json, (await ledger.store.read_hash(keys.booking(booking))).values())
        email = next((event.email for event in events if event.email), "")
        found.append(UnreadCall(email, int(reported_ms), booking in arranged))
    return found
