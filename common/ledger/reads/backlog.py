"""Read-only: the overdue part of the schedule, and what the next days hold; the basis of a plan to catch up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

from common.domain.cadence import Cadence
from common.domain.catch_up import Backlog
from common.domain.delivery import Delivery, DeliveryStatus, delivery_of
from common.domain.enrollment import Status
from common.domain.ids import DeliveryId, EnrollmentId, Step, step_name
from common.ledger import codec, keys
from common.ledger.constants import PAUSE_WAIT_MS, SENDING_QUEUES
from common.ledger.ledger import Ledger

PAGE = 1_000

_FIELDS = ("campaign", "anchor_ms", "last_sent_ms", "contact", "email", "assessment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """
    Everything in the schedule whose due time has passed.

    `expired`: reminders whose meeting began before they were sent: they are skipped when the campaign is resumed.
    """

    backlogs: list[Backlog]
    expired: list[Delivery]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """One overdue delivery. `fields`: those of its owner, see `_FIELDS`; `due_ms`: when it was due."""

    delivery: Delivery
    due_ms: int
    fields: dict[str, str]


async def overdue(ledger: Ledger, *, now_ms: int, campaign: str | None = None) -> Overdue:
    """Return what is overdue now, without held enrollments. `campaign`: only what this campaign sends."""
    steps: dict[EnrollmentId, list[_Waiting]] = defaultdict(list)
    backlogs: list[Backlog] = []
    expired: list[Delivery] = []
    # A delivery of a paused campaign is tried again each minute, so its time in the schedule is not its due time.
    until_ms = now_ms if campaign is None else now_ms + PAUSE_WAIT_MS
    async for waiting in _waiting(ledger, until_ms):
        delivery = waiting.delivery
        if waiting.due_ms > now_ms or campaign not in (None, waiting.fields.get("campaign")):
            continue
        if delivery.step is not None:
            steps[EnrollmentId(delivery.owner)].append(waiting)
        elif delivery.expires_ms is not None and delivery.expires_ms <= now_ms:
            expired.append(delivery)
        else:
            mails = ((delivery.short_name, waiting.due_ms),)
            backlogs.append(Backlog(who=delivery.owner, mails=mails, last_ms=None, gap_ms=0))
    backlogs += [await _backlog(ledger, person, theirs) for person, theirs in steps.items()]
    return Overdue(backlogs=backlogs, expired=expired)


async def backlog_of(ledger: Ledger, contact: EnrollmentId) -> Backlog | None:
    """Return the backlog of a paused contact, whose mails are not in the schedule; None: no enrollment is running."""
    enrollment = await ledger.enrollments.get(contact)
    if enrollment is None or enrollment.status not in (Status.ACCEPTED, Status.ACTIVE):
        return None
    steps = ledger.cadence_of(enrollment.campaign).steps
    planned_steps = [step for step in steps if enrollment.step_status(step)[0] is DeliveryStatus.PLANNED]
    mails = _due(ledger.cadence_of(enrollment.campaign), planned_steps, enrollment.anchor_ms)
    return await _backlog_with(ledger, contact, mails, await ledger.store.read_hash(keys.enrollment(contact)))


async def count_scheduled(ledger: Ledger, times_ms: list[int]) -> list[int]:
    """Return how many mails the schedule holds between each of these times and the next."""
    pipe = ledger.client.pipeline(transaction=False)
    for low, high in pairwise(times_ms):
        for queue in SENDING_QUEUES:
            pipe.zcount(keys.delayed(queue), f"({low}", high)
    numbers, channels = list(map(int, await pipe.execute())), len(SENDING_QUEUES)
    return [sum(numbers[first : first + channels]) for first in range(0, len(numbers), channels)]


async def addresses(ledger: Ledger, owners: list[str]) -> dict[str, str]:
    """Return the e-mail address of each enrollment or guest, by id; the id itself where no address is stored."""
    pipe = ledger.client.pipeline(transaction=False)
    for owner in owners:
        pipe.hget(keys.owner(owner), "email")
    found = await pipe.execute()
    return {owner: email.decode() if email else owner for owner, email in zip(owners, found, strict=True)}


async def _waiting(ledger: Ledger, until_ms: int) -> AsyncIterator[_Waiting]:
    for queue in SENDING_QUEUES:
        async for one in _waiting_in(ledger, keys.delayed(queue), until_ms):
            yield one


async def _waiting_in(ledger: Ledger, schedule: str, until_ms: int) -> AsyncIterator[_Waiting]:
    offset = 0
    while True:
        page: Any = await ledger.client.zrange(
            schedule, 0, until_ms, byscore=True, offset=offset, num=PAGE, withscores=True
        )
        deliveries = [delivery_of(DeliveryId(job.decode())) for job, _ in page]
        pipe = ledger.client.pipeline(transaction=False)
        for delivery in deliveries:
            pipe.hmget(keys.owner(delivery.owner), f"/{delivery.name}", *_FIELDS)
        for delivery, (_, score), (line, *values) in zip(deliveries, page, await pipe.execute(), strict=True):
            known = {name: value.decode() for name, value in zip(_FIELDS, values, strict=True) if value is not None}
            planned_ms = _planned_ms(line.decode()) if line else int(score)
            if planned_ms is not None and known:
                yield _Waiting(delivery=delivery, due_ms=planned_ms, fields=known)
        if len(page) < PAGE:
            return
        offset += PAGE


def _planned_ms(line: str) -> int | None:
    record = codec.read_record(line)
    return record.at_ms if record.status is DeliveryStatus.PLANNED else None


async def _backlog(ledger: Ledger, person: EnrollmentId, waiting: list[_Waiting]) -> Backlog:
    """Return the steps that wait, then later ones: of each contact only the next step is in the schedule."""
    fields = waiting[0].fields
    cadence = ledger.cadence_of(fields.get("campaign", ""))
    place = {step: number for number, step in enumerate(cadence.steps)}
    waits = [(step, each.due_ms) for each in waiting if (step := each.delivery.step) is not None]
    mails = sorted(waits, key=lambda mail: place.get(mail[0], -1))
    following = cadence.after(mails[-1][0])
    named = [(step_name(step), due_ms) for step, due_ms in mails]
    later = _due(cadence, following, int(fields["anchor_ms"]))
    return await _backlog_with(ledger, person, [*named, *later], fields)


async def _backlog_with(
    ledger: Ledger, person: EnrollmentId, mails: Sequence[tuple[str, int]], fields: Mapping[str, str]
) -> Backlog:
    terms = ledger.terms_of(fields.get("campaign", ""))
    backlog = Backlog(
        who=person,
        mails=tuple(mails),
        last_ms=int(fields["last_sent_ms"]) if "last_sent_ms" in fields else None,
        gap_ms=terms.cadence.minimum_gap_ms,
    )
    if terms.window is None:
        return backlog
    timezone = codec.read_assessment(fields).timezone
    calls_of = EnrollmentId(fields.get("contact", person))
    zones = [timezone] if timezone else await ledger.bookings.timezones(calls_of)
    return replace(backlog, opening_ms=partial(terms.window.opening_ms, zone=terms.zone_of(*zones)))


def _due(cadence: Cadence, steps: Iterable[Step], anchor_ms: int) -> list[tuple[str, int]]:
    return [(step_name(step), cadence.due_ms(anchor_ms=anchor_ms, step=step)) for step in steps]
