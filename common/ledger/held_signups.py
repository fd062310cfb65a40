"""Signups that are beyond a bound: listed, released, discarded. Their acceptance is in `signups.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from common.domain.ids import EnrollmentId
from common.domain.signup_bounds import Bound
from common.ledger import keys
from common.ledger.codec import read_assessment
from common.ledger.store import Store, texts

PAGE = 500
"""Read, released or discarded together; occupies the store for a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSignup:
    """`bound`: the one that it is beyond. `visitor`: as the website sent it, for a day."""

    enrollment_id: EnrollmentId
    email: str
    first_name: str
    received_ms: int
    bound: Bound
    visitor: str | None


class HeldSignups:
    """Of all campaigns of the store. Raises as `Store.run` does; repeating a change changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self, *, first: int, number: int) -> list[HeldSignup]:
        """A page of them, the newest first."""
        return await self._read(texts(await self._store.client.zrevrange(keys.HELD, first, first + number - 1)))

    async def read_all(self, *, visitor: str | None = None) -> AsyncIterator[HeldSignup]:
        """All of them, or those of one visitor, the oldest first."""
        ids: list[EnrollmentId] = texts(await self._store.client.zrange(keys.HELD, 0, -1))
        for start in range(0, len(ids), PAGE):
            for one in await self._read(ids[start : start + PAGE]):
                if visitor is None or one.visitor == visitor:
                    yield one

    async def is_held(self, enrollment: EnrollmentId) -> bool:
        return await self._store.client.zscore(keys.HELD, enrollment) is not None

    async def release(self, ids: Sequence[EnrollmentId], *, now_ms: int) -> int:
        """Their sequences begin now; how many were held."""
        released = 0
        for start in range(0, len(ids), PAGE):
            given = {"ids": ids[start : start + PAGE], "now_ms": now_ms}
            released += await self._store.run_json("held_signups.release", [keys.ENROLLED], given)
        return released

    async def discard(self, ids: Sequence[EnrollmentId]) -> int:
        """As if they had never signed up; how many were held."""
        discarded = 0
        for start in range(0, len(ids), PAGE):
            given = {"ids": ids[start : start + PAGE]}
            discarded += await self._store.run_json("held_signups.discard", [keys.PAUSES], given)
        return discarded

    async def _read(self, ids: Sequence[EnrollmentId]) -> list[HeldSignup]:
        pipe = self._store.client.pipeline(transaction=False)
        for id in ids:
            pipe.hmget(keys.enrollment(id), "email", "assessment", "anchor_ms", "held_by")
            pipe.get(keys.visitor_of(id))
        answers = texts(await pipe.execute()) if ids else []
        return [
            _held(id, fields, visitor)
            for id, fields, visitor in zip(ids, answers[::2], answers[1::2], strict=True)
            if fields[3] is not None  # Else it was decided on meanwhile.
        ]


def _held(id: EnrollmentId, fields: Sequence[str], visitor: str | None) -> HeldSignup:
    email, assessment, received_ms, bound = fields
    return HeldSignup(
        enrollment_id=id,
        email=email,
        first_name=read_assessment({"email": email, "assessment": assessment}).first_name,
        received_ms=int(received_ms),
        bound=Bound(bound),
        visitor=visitor,
    )
