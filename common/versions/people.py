"""Reads the contacts who are under way in a campaign, for a plan. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

from common.domain.delivery import Delivery, Kind, delivery_of
from common.domain.ids import DeliveryId, Step
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.ledger.store import texts
from common.versions.plan import ContactUnderWay

AT_ONCE = 500


async def people_of(ledger: Ledger, campaign: str) -> AsyncIterator[ContactUnderWay]:
    """Yield every contact who is enrolled in the campaign."""
    frozen = await _frozen(ledger)
    owners = [owner async for owner in ledger.enrollments.ids()]
    for first in range(0, len(owners), AT_ONCE):
        for person in await _read(ledger, campaign, owners[first : first + AT_ONCE], frozen):
            yield person


async def reminded_people(ledger: Ledger) -> Mapping[str, int]:
    """
    Return how many people wait for each reminder or follow-up, by its name.

    Attempted ones are left out: they are sent as they were rendered.
    """
    opened = [*await _open(ledger, Kind.REMINDER), *await _open(ledger, Kind.FOLLOW_UP)]
    waiting = {(delivery.owner, delivery.short_name) for delivery in opened}
    return Counter(name for _, name in waiting)


async def person_of(ledger: Ledger, enrollment: str) -> ContactUnderWay | None:
    found = await _read(ledger, None, [enrollment], await _frozen(ledger))
    return found[0] if found else None


async def _read(
    ledger: Ledger, campaign: str | None, owners: Sequence[str], frozen: Mapping[str, frozenset[Step]]
) -> list[ContactUnderWay]:
    pipe = ledger.client.pipeline(transaction=False)
    for owner in owners:
        pipe.hgetall(keys.enrollment(owner))
    return [
        ContactUnderWay(enrollment=codec.read_enrollment(owner, fields), frozen=frozen.get(owner, frozenset()))
        for owner, fields in zip(owners, texts(await pipe.execute()), strict=True)
        if fields and "assessment" in fields and campaign in (None, fields["campaign"])
    ]


async def _frozen(ledger: Ledger) -> Mapping[str, frozenset[Step]]:
    """Return, for each enrollment, its open steps that have been attempted."""
    found: dict[str, frozenset[Step]] = {}
    for delivery in await _open(ledger, Kind.STEP, is_frozen=True):
        if delivery.step is not None:
            found[delivery.owner] = found.get(delivery.owner, frozenset()) | {delivery.step}
    return found


async def _open(ledger: Ledger, kind: Kind, *, is_frozen: bool = False) -> list[Delivery]:
    names: list[str] = texts(await ledger.client.zrange(keys.OPEN, 0, -1))
    deliveries = [one for one in (delivery_of(DeliveryId(name)) for name in names) if one.kind is kind]
    pipe = ledger.client.pipeline(transaction=False)
    for one in deliveries:
        pipe.hexists(keys.delivery(one.id), "payload")
    answers = await pipe.execute() if deliveries else []
    return [one for one, has_payload in zip(deliveries, answers, strict=True) if bool(has_payload) is is_frozen]
