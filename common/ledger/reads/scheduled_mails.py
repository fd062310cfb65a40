"""Read-only: the mails that a part of the schedule counts, one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from heapq import merge

from common.domain.cadence import Cadence
from common.domain.ids import DeliveryId, EnrollmentId, Step, step_delivery_id
from common.domain.person_search import ListedPerson
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.ledger.reads.people import PeopleList

Time = tuple[int, DeliveryId]
"""(Due time, delivery)."""
PAGE = 1_000


def steps_between(
    people: PeopleList,
    cadences: Mapping[str, Cadence],
    from_ms: int,
    until_ms: int,
    *,
    is_of: Callable[[str, str], bool],
    left_out: Collection[str],
) -> Iterator[Time]:
    """
    Yield the steps that are planned from one time on and before another, as the schedule foresees them, soonest first.

    They are found only as far as the caller reads: each step of a campaign is a part that is sorted already. `is_of`:
    whether a campaign and a segment are wanted; for a part without these no people are checked. `left_out`: ids of
    people.
    """

    def is_under_way(one: ListedPerson) -> bool:
        is_planned = one.status == "active" and one.next_due_ms is not None and one.campaign in cadences
        return is_planned and is_of(one.campaign, one.segment) and one.id not in left_out

    def next_steps() -> Iterator[Time]:
        for one in people.between("next", from_ms, until_ms):
            if one.next_step is not None and one.next_due_ms is not None and is_under_way(one):
                yield one.next_due_ms, step_delivery_id(EnrollmentId(one.id), one.next_step)

    def later(campaign: str, step: Step, earlier: set[Step]) -> Iterator[Time]:
        offset_ms = cadences[campaign].offset_ms(step)
        for one in people.between("oldest", max(0, from_ms - offset_ms), max(0, until_ms - offset_ms)):
            if one.campaign == campaign and one.next_step in earlier and is_under_way(one):
                yield one.signed_up_ms + offset_ms, step_delivery_id(EnrollmentId(one.id), step)

    waited_for = {
        (group.campaign, group.next_step)
        for group in people.counts
        if group.status == "active" and group.campaign in cadences and is_of(group.campaign, group.segment)
    }
    parts = [next_steps()] if waited_for else []
    for campaign, cadence in cadences.items():
        for step in cadence.steps:
            earlier = {one for one in cadence.steps if (campaign, one) in waited_for and step in cadence.after(one)}
            parts += [later(campaign, step, earlier)] if earlier else []
    return merge(*parts)


async def reminders_between(ledger: Ledger, from_ms: int, until_ms: int) -> list[Time]:
    """
    Return the deliveries about calls that are planned from one time on and before another, soonest first.

    The store searches for them among all open deliveries, a page at a time, and returns only these.
    """
    found = {name: int(at_ms) async for name, at_ms in ledger.client.zscan_iter(keys.OPEN, match="bkg_*", count=PAGE)}
    return sorted((at_ms, DeliveryId(name.decode())) for name, at_ms in found.items() if from_ms <= at_ms < until_ms)
