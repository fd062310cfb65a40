"""Dead letters: read, planned again, found to have been accepted, or given up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from common.domain.delivery import Delivery, delivery_of
from common.domain.ids import DeliveryId, EnrollmentId, split_delivery_id
from common.ledger import keys
from common.ledger.codec import read_records, shortened
from common.ledger.deliveries import data, one_line
from common.ledger.owners import Owner, read_owner
from common.ledger.store import Store, texts
from common.observability.logs import get_logger

PAGE = 100
"""Read in one round trip: a payload is as long as its mail."""
_FIELDS = ("first_attempt_ms", "outcome_unknown", "replay_requested_ms", "replay_refused")
_WHOLE = (*_FIELDS, "payload")
Way = Literal["fresh", "same", "again"]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    A delivery that spent its attempts or cannot succeed. `outcome_unknown`: it may have been accepted all the same.

    `owner`, `contact_id`, `address`, `campaign`: whose it is. `replay_requested_ms`: since when a worker is to replay
    it; `replay_refused`: why one did not, or "". `payload`: its mail, which lists leave out.
    """

    delivery: Delivery
    owner: Owner
    contact_id: EnrollmentId
    address: str
    campaign: str
    dead_since_ms: int
    reason: str
    attempts: int
    first_attempt_ms: int | None
    outcome_unknown: bool
    payload: str | None = None
    replay_requested_ms: int | None = None
    replay_refused: str = ""

    @property
    def id(self) -> DeliveryId:
        return self.delivery.id


class DeadLetters:
    """
    Raises as `Store.run` does. Each change is refused (False) when the letter is none any longer, or died again since.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> AsyncIterator[DeadLetter]:
        """Oldest first, each with its mail."""
        dead_since = await self.since()
        ids = [*dead_since]
        for first in range(0, len(ids), PAGE):
            page = {id: dead_since[id] for id in ids[first : first + PAGE]}
            for letter in await self._read(page, _WHOLE):
                yield letter

    async def since(self) -> dict[DeliveryId, int]:
        """Of each of them, since when; oldest first."""
        found: Any = await self._store.client.zrange(keys.DEAD, 0, -1, withscores=True)
        return {DeliveryId(member.decode()): int(since_ms) for member, since_ms in found}

    async def newest_since(self, number: int) -> tuple[int, dict[DeliveryId, int]]:
        """(How many there are; since when, of the newest)."""
        pipe = self._store.client.pipeline(transaction=True)
        pipe.zcard(keys.DEAD)
        pipe.zrevrange(keys.DEAD, 0, number - 1, withscores=True)
        total, found = await pipe.execute()
        return int(total), {DeliveryId(member.decode()): int(since_ms) for member, since_ms in found}

    async def newest(self, *, first: int, number: int) -> tuple[DeadLetter, ...]:
        """Newest first, beginning with that of index `first`."""
        last = first + number - 1
        found: Any = await self._store.client.zrevrange(keys.DEAD, first, last, withscores=True)
        dead_since = {DeliveryId(member.decode()): int(since_ms) for member, since_ms in found}
        return tuple(await self._read(dead_since, _FIELDS))

    async def get(self, delivery_id: DeliveryId) -> DeadLetter | None:
        """None when this delivery is no dead letter."""
        return (await self._those_of([delivery_id], _WHOLE, is_list=False)).get(delivery_id)

    async def of(self, ids: Sequence[DeliveryId]) -> dict[DeliveryId, DeadLetter]:
        """Those of these that are dead letters."""
        return await self._those_of(ids, _FIELDS)

    async def _those_of(
        self, ids: Sequence[DeliveryId], fields: Sequence[str], *, is_list: bool = True
    ) -> dict[DeliveryId, DeadLetter]:
        found: Any = await self._store.client.zmscore(keys.DEAD, [*ids]) if ids else []
        dead_since = {id: int(since_ms) for id, since_ms in zip(ids, found, strict=True) if since_ms is not None}
        return {letter.id: letter for letter in await self._read(dead_since, fields, is_list=is_list)}

    async def replay(self, delivery_id: DeliveryId, *, way: Way, now_ms: int, dead_since_ms: int | None = None) -> bool:
        """
        Plan it again, due at once.

        `fresh`: rendered anew; only when it certainly was never accepted. `same`: the same bytes under the same key.
        `again`: the same bytes, as if never tried; only when somebody decided so after it was looked for in vain.
        """
        return await self._run("replay", delivery_id, now_ms, way=way, dead_since_ms=dead_since_ms)

    async def accept(
        self, delivery_id: DeliveryId, provider_id: str, *, sent_ms: int, dead_since_ms: int, now_ms: int
    ) -> bool:
        """It turns out to have been accepted at `sent_ms`: the provider lists it."""
        return await self._run(
            "accept",
            delivery_id,
            now_ms,
            provider_id=shortened(provider_id),
            sent_ms=sent_ms,
            dead_since_ms=dead_since_ms,
        )

    async def discard(self, delivery_id: DeliveryId, *, now_ms: int) -> bool:
        """Give it up for good."""
        return await self._run("discard", delivery_id, now_ms)

    async def request_replay(self, delivery_id: DeliveryId, *, dead_since_ms: int, now_ms: int) -> bool:
        """Have a worker plan the replay and do it: what must be looked for, only a worker can."""
        return await self._run("request_replay", delivery_id, now_ms, dead_since_ms=dead_since_ms)

    async def refuse_replay(self, delivery_id: DeliveryId, reason: str, *, dead_since_ms: int, now_ms: int) -> bool:
        """Write down why it stays a dead letter, for the person who asked."""
        return await self._run(
            "refuse_replay", delivery_id, now_ms, reason=one_line(reason), dead_since_ms=dead_since_ms
        )

    async def _run(self, entry: str, delivery_id: DeliveryId, now_ms: int, **given: Any) -> bool:
        done = await self._store.run_json(
            f"dead_letters.{entry}",
            [keys.delivery(delivery_id), keys.DEAD],
            data(delivery_of(delivery_id), now_ms) | given,
        )
        return bool(done)

    async def _read(
        self, dead_since: Mapping[DeliveryId, int], fields: Sequence[str], *, is_list: bool = True
    ) -> list[DeadLetter]:
        """
        In one round trip; without those of whom nobody knows whose they are.

        `is_list`: also without one that cannot be read, which hides no other. Else raises LookupError or ValueError.
        """

        async def ask() -> Any:
            pipe = self._store.client.pipeline(transaction=False)
            for id in dead_since:
                pipe.hgetall(keys.owner(split_delivery_id(id)[0]))
                pipe.hmget(keys.delivery(id), [*fields])
            return texts(await pipe.execute())

        answers = await self._store.patiently(ask) if dead_since else []
        found = []
        for id, owned, values in zip(dead_since, answers[::2], answers[1::2], strict=True):
            given = dict(zip(fields, values, strict=True))
            try:
                found += [_letter(delivery_of(id), dead_since[id], owned, given)] if owned else []
            except (LookupError, ValueError) as error:
                if not is_list:
                    raise
                log.warning("dead_letter_unreadable", delivery_id=id, error=type(error).__name__)
        return found


def _letter(delivery: Delivery, dead_since_ms: int, owned: dict[str, str], fields: dict[str, str | None]) -> DeadLetter:
    """`owned`: the HASH of whose it is."""
    owner, contact_id, address = read_owner(delivery.owner, owned)
    record = read_records(owned).get(delivery.name)
    first_ms, requested_ms = fields.get("first_attempt_ms"), fields.get("replay_requested_ms")
    return DeadLetter(
        delivery=delivery,
        owner=owner,
        contact_id=contact_id,
        address=address,
        campaign=owned["campaign"],
        dead_since_ms=dead_since_ms,
        reason=record.detail if record else "",
        attempts=record.attempts if record else 0,
        first_attempt_ms=int(first_ms) if first_ms else None,
        outcome_unknown=fields.get("outcome_unknown") == "1",
        payload=fields.get("payload"),
        replay_requested_ms=int(requested_ms) if requested_ms else None,
        replay_refused=fields["replay_refused"] or "",
    )
