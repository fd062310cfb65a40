"""Reads only: the mails that a part of the schedule counts, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from common.domain.cadence import Cadence
from common.domain.ids import DeliveryId, EnrollmentId, step_delivery_id
from common.domain.person_search import ListedPerson
from common.ledger import keys
from common.ledger.ledger import Ledger

Times = list[tuple[int, DeliveryId]]
"""(When, which), in order."""
PAGE = 1_000


async def steps_between(
    people: Sequence[ListedPerson], cadences: Mapping[str, Cadence], from_ms: int, until_ms: int
) -> Times:
    """
    The steps of these people that are planned from one time on and before another one, as the schedule foresees them.

    In a thread of its own: of 100,000 people it takes a moment.
    """
    return await asyncio.to_thread(lambda: sorted(_steps(people, cadences, from_ms, until_ms)))


def _steps(
    people: Iterable[ListedPerson], cadences: Mapping[str, Cadence], from_ms: int, until_ms: int
) -> Iterable[tuple[int, DeliveryId]]:
    later = {
        (key, step): [(after, cadence.offset_ms(after)) for after in cadence.after(step)]
        for key, cadence in cadences.items()
        for step in cadence.steps
    }
    for person in people:
        due_ms, step = person.next_due_ms, person.next_step
        if person.status != "active" or step is None or due_ms is None or person.campaign not in cadences:
            continue
        contact, anchor_ms = EnrollmentId(person.id), person.signed_up_ms
        if from_ms <= due_ms < until_ms:
            yield due_ms, step_delivery_id(contact, step)
        for after, offset_ms in later.get((person.campaign, step), ()):
            if from_ms <= anchor_ms + offset_ms < until_ms:
                yield anchor_ms + offset_ms, step_delivery_id(contact, after)


async def reminders_between(ledger: Ledger, from_ms: int, until_ms: int) -> Times:
    """
    Likewise what is planned about calls.

    The store looks for it among the steps of everybody, a page at a time: only what is about calls leaves it.
    """
    found = {name: int(at_ms) async for name, at_ms in ledger.client.zscan_iter(keys.OPEN, match="bkg_*", count=PAGE)}
    return sorted((at_ms, DeliveryId(name.decode())) for name, at_ms in found.items() if from_ms <= at_ms < until_ms)
