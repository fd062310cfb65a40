"""Reads only: what of the schedule is overdue, and what the next days hold; the ground of a plan to catch up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from common.domain.cadence import Cadence
from common.domain.catch_up import Backlog
from common.domain.delivery import Delivery, delivery_of
from common.domain.ids import DeliveryId, EnrollmentId, Step, step_name
from common.ledger import keys
from common.ledger.ledger import Ledger

PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """
    Everything in the schedule whose due time has passed.

    `expired`: reminders whose meeting began before their turn came: they are skipped when the campaign goes on.
    """

    backlogs: list[Backlog]
    expired: list[Delivery]


async def overdue(ledger: Ledger, *, now_ms: int, campaign: str | None = None) -> Overdue:
    """What is overdue now, of everybody who is not held themselves; `campaign`: steps of this one only."""
    steps: dict[EnrollmentId, list[tuple[Step, int]]] = defaultdict(list)
    backlogs: list[Backlog] = []
    expired: list[Delivery] = []
    async for delivery_id, due_ms in _due(ledger, now_ms):
        delivery = delivery_of(delivery_id)
        if delivery.step is not None:
            steps[EnrollmentId(delivery.owner)].append((delivery.step, due_ms))
        elif delivery.expires_ms is not None and delivery.expires_ms <= now_ms:
            expired.append(delivery)
        else:
            mails = ((delivery.short_name, due_ms),)
            backlogs.append(Backlog(who=delivery.owner, mails=mails, last_ms=None, gap_ms=0))
    if campaign is not None:
        expired, backlogs = [], []
    people = list(steps)
    for first in range(0, len(people), PAGE):
        backlogs += await _backlogs(ledger, people[first : first + PAGE], steps, campaign)
    return Overdue(backlogs=backlogs, expired=expired)


async def planned(ledger: Ledger, times_ms: list[int]) -> list[int]:
    """How many mails the schedule holds between each of these times and the next."""
    pipe = ledger.client.pipeline(transaction=False)
    for low, high in pairwise(times_ms):
        pipe.zcount(keys.delayed("send"), f"({low}", high)
    return [int(number) for number in await pipe.execute()]


async def addresses(ledger: Ledger, owners: list[str]) -> dict[str, str]:
    """Whose an enrollment or a booking is, by its id."""
    pipe = ledger.client.pipeline(transaction=False)
    for owner in owners:
        pipe.hget(keys.owner(owner), "email")
    found = await pipe.execute()
    return {owner: email.decode() if email else owner for owner, email in zip(owners, found, strict=True)}


async def _due(ledger: Ledger, now_ms: int) -> AsyncIterator[tuple[DeliveryId, int]]:
    schedule, offset = keys.delayed("send"), 0
    while True:
        page: Any = await ledger.client.zrange(
            schedule, 0, now_ms, byscore=True, offset=offset, num=PAGE, withscores=True
        )
        for job, due_ms in page:
            yield DeliveryId(job.decode()), int(due_ms)
        if len(page) < PAGE:
            return
        offset += PAGE


async def _backlogs(
    ledger: Ledger, people: list[EnrollmentId], steps: dict[EnrollmentId, list[tuple[Step, int]]], only: str | None
) -> list[Backlog]:
    pipe = ledger.client.pipeline(transaction=False)
    for person in people:
        pipe.hmget(keys.enrollment(person), "anchor_ms", "last_sent_ms", "campaign")
    found = await pipe.execute()
    return [
        Backlog(
            who=person,
            mails=tuple(_mails(ledger.cadence_of(campaign.decode()), steps[person], int(anchor))),
            last_ms=int(last) if last else None,
            gap_ms=ledger.cadence_of(campaign.decode()).minimum_gap_ms,
        )
        for person, (anchor, last, campaign) in zip(people, found, strict=True)
        if anchor is not None and only in (None, campaign.decode())
    ]


def _mails(cadence: Cadence, overdue_steps: list[tuple[Step, int]], anchor_ms: int) -> list[tuple[str, int]]:
    """The steps that wait, then those that the schedule does not know yet: only the next one of a person is in it."""
    place = {step: number for number, step in enumerate(cadence.steps)}
    overdue = sorted(overdue_steps, key=lambda waiting: place.get(waiting[0], -1))
    last_step = overdue[-1][0]
    due = [
        *overdue,
        *((step, cadence.due_ms(anchor_ms=anchor_ms, step=step)) for step in cadence.after(last_step)),
    ]
    return [(step_name(step), due_ms) for step, due_ms in due]
