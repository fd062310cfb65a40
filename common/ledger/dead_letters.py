"""Dead letters: read them, replay them, record that one was accepted after all, or discard them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from common.domain.delivery import Delivery, delivery_of
from common.domain.ids import DeliveryId, EnrollmentId, split_delivery_id
from common.ledger import keys
from common.ledger.codec import read_records, shortened
from common.ledger.deliveries import delivery_fields, stored_reason
from common.ledger.owners import Owner, read_owner
from common.ledger.store import Store, texts
from common.observability.logs import get_logger

PAGE = 100
"""Dead letters read in one round trip: not more, because a payload is as long as its mail."""
_FIELDS = ("first_attempt_ms", "outcome_unknown", "replay_requested_ms", "replay_refused")
_WHOLE = (*_FIELDS, "payload")
Way = Literal["fresh", "same", "again"]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    A delivery that used up its attempts or cannot succeed.

    `owner`, `contact_id`, `address`, `campaign`: see `Recipient`. `outcome_unknown`: it may nevertheless have been
    accepted. `payload`: the rendered mail, left out in lists. `replay_requested_ms`: when a replay by a worker was
    requested; `replay_refused`: why the worker did not replay it, or "".
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
    The dead letters of all campaigns. Raises as `Store.run` does.

    A change returns False, and does nothing, if the delivery is no longer a dead letter, or became one again at another
    time than `dead_since_ms`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def all(self) -> AsyncIterator[DeadLetter]:
        """Yield all dead letters with their payloads, oldest first."""
        dead_since = await self.since()
        ids = [*dead_since]
        for first in range(0, len(ids), PAGE):
            page = {id: dead_since[id] for id in ids[first : first + PAGE]}
            for letter in await self._read(page, _WHOLE):
                yield letter

    async def since(self) -> dict[DeliveryId, int]:
        """Return when each dead letter became one, ms; oldest first."""
        found: Any = await self._store.client.zrange(keys.DEAD, 0, -1, withscores=True)
        return {DeliveryId(member.decode()): int(since_ms) for member, since_ms in found}

    async def newest_since(self, number: int) -> tuple[int, dict[DeliveryId, int]]:
        """Return (the number of all dead letters; when each of the newest became one, ms)."""
        pipe = self._store.client.pipeline(transaction=True)
        pipe.zcard(keys.DEAD)
        pipe.zrevrange(keys.DEAD, 0, number - 1, withscores=True)
        total, found = await pipe.execute()
        return int(total), {DeliveryId(member.decode()): int(since_ms) for member, since_ms in found}

    async def newest(self, *, first: int, number: int) -> tuple[DeadLetter, ...]:
        """Return up to `number` dead letters without payloads, newest first, starting at index `first`."""
        last = first + number - 1
        found: Any = await self._store.client.zrevrange(keys.DEAD, first, last, withscores=True)
        dead_since = {DeliveryId(member.decode()): int(since_ms) for member, since_ms in found}
        return tuple(await self._read(dead_since, _FIELDS))

    async def get(self, delivery_id: DeliveryId) -> DeadLetter | None:
        """
        Return a dead letter with its payload, None if this delivery is not one. Raises LookupError or ValueError if it
        cannot be read.
        """
        return (await self._those_of([delivery_id], _WHOLE, is_list=False)).get(delivery_id)

    async def of(self, ids: Sequence[DeliveryId]) -> dict[DeliveryId, DeadLetter]:
        """Return those of these deliveries that are dead letters, without payloads."""
        return await self._those_of(ids, _FIELDS)

    async def _those_of(
        self, ids: Sequence[DeliveryId], fields: Sequence[str], *, is_list: bool = True
    ) -> dict[DeliveryId, DeadLetter]:
        found: Any = await self._store.client.zmscore(keys.DEAD, [*ids]) if ids else []
        dead_since = {id: int(since_ms) for id, since_ms in zip(ids, found, strict=True) if since_ms is not None}
        return {letter.id: letter for letter in await self._read(dead_since, fields, is_list=is_list)}

    async def replay(self, delivery_id: DeliveryId, *, way: Way, now_ms: int, dead_since_ms: int | None = None) -> bool:
        """
        Plan the delivery again, due at once.

        `way`: `fresh`: render it anew; only if it certainly was never accepted. `same`: send the same bytes under the
        same key. `again`: send the same bytes as if it had never been tried; only if an operator decided so after a
        search at the provider did not find it.
        """
        return await self._run("replay", delivery_id, now_ms, way=way, dead_since_ms=dead_since_ms)

    async def accept(
        self, delivery_id: DeliveryId, provider_id: str, *, sent_ms: int, dead_since_ms: int, now_ms: int
    ) -> bool:
        """Record that the delivery was accepted at `sent_ms` after all: the provider lists it."""
        return await self._run(
            "accept",
            delivery_id,
            now_ms,
            provider_id=shortened(provider_id),
            sent_ms=sent_ms,
            dead_since_ms=dead_since_ms,
        )

    async def discard(self, delivery_id: DeliveryId, *, dead_since_ms: int, now_ms: int) -> bool:
        """Give the delivery up: it is never sent, and its status stays `dead`."""
        return await self._run("discard", delivery_id, now_ms, dead_since_ms=dead_since_ms)

    async def request_replay(self, delivery_id: DeliveryId, *, dead_since_ms: int, now_ms: int) -> bool:
        """Schedule a job that decides how to replay it, and does: only a worker can search at the provider."""
        return await self._run("request_replay", delivery_id, now_ms, dead_since_ms=dead_since_ms)

    async def refuse_replay(self, delivery_id: DeliveryId, reason: str, *, dead_since_ms: int, now_ms: int) -> bool:
        """Record why it stays a dead letter, for the operator who requested the replay."""
        return await self._run(
            "refuse_replay", delivery_id, now_ms, reason=stored_reason(reason), dead_since_ms=dead_since_ms
        )

    async def _run(self, entry: str, delivery_id: DeliveryId, now_ms: int, **given: Any) -> bool:
        done = await self._store.run_json(
            f"dead_letters.{entry}",
            [keys.delivery(delivery_id), keys.DEAD],
            delivery_fields(delivery_of(delivery_id), now_ms) | given,
        )
        return bool(done)

    async def _read(
        self, dead_since: Mapping[DeliveryId, int], fields: Sequence[str], *, is_list: bool = True
    ) -> list[DeadLetter]:
        """
        Read dead letters in one round trip, leaving out those whose owner no longer exists.

        `is_list`: log and leave out a dead letter that cannot be read, so that it does not hide the others. Otherwise
        raises LookupError or ValueError for it.
        """

        async def ask() -> Any:
            pipe = self._store.client.pipeline(transaction=False)
            for id in dead_since:
                pipe.hgetall(keys.owner(split_delivery_id(id)[0]))
                pipe.hmget(keys.delivery(id), [*fields])
            return texts(await pipe.execute())

        answers = await self._store.call(ask) if dead_since else []
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
    """Make a dead letter of its owner's HASH, `owned`, and of its own `fields`."""
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
